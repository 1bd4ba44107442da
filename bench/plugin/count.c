/* A plugin for QEMU that counts the instructions and system calls of the guest.
 *
 * The counters live in a file that is mapped shared, so the reader can look at any time, and the
 * processes that a server forks are counted with it:
 *
 *     uint64_t user[16], kernel[16]    instructions, by the number of the virtual processor
 *     uint64_t calls[480]              system calls, by their number (qemu-user only)
 *
 * Blocks of translated code say how many instructions they hold when they are entered, so what is
 * counted of one that an exception leaves early is a little too much.  Whether a block is the
 * kernel's shows in its address, whose topmost bit is set.
 *
 *     cc -shared -fPIC -O2 -DAPI=1 count.c -o count.so      (bench/counting.py does it)
 *     qemu-aarch64 -plugin count.so,into=PATH ...
 *
 * The functions are those of include/qemu/qemu-plugin.h; only these are used, and their
 * declarations are the same in versions 1 to 5 of the API, so no header of QEMU's is needed.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t Id;
typedef struct Block Block;
typedef void Translated(Id, Block *);
typedef void Entered(unsigned, void *);
typedef void Called(Id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                    uint64_t, uint64_t, uint64_t);

size_t qemu_plugin_tb_n_insns(const Block *);
uint64_t qemu_plugin_tb_vaddr(const Block *);
void qemu_plugin_register_vcpu_tb_trans_cb(Id, Translated *);
void qemu_plugin_register_vcpu_tb_exec_cb(Block *, Entered *, int flags, void *);
void qemu_plugin_register_vcpu_syscall_cb(Id, Called *);

#define OURS __attribute__((visibility("default")))
enum { NO_REGISTERS = 0, PROCESSORS = 16, CALLS = 480 };

OURS int qemu_plugin_version = API;

static struct {
    uint64_t user[PROCESSORS], kernel[PROCESSORS], calls[CALLS];
} *counters;

static void count(uint64_t *counter, uint64_t more)
{
    __atomic_fetch_add(counter, more, __ATOMIC_RELAXED);
}

static void user_block(unsigned processor, void *instructions)
{
    count(&counters->user[processor % PROCESSORS], (uintptr_t)instructions);
}

static void kernel_block(unsigned processor, void *instructions)
{
    count(&counters->kernel[processor % PROCESSORS], (uintptr_t)instructions);
}

static void translated(Id id, Block *block)
{
    Entered *entered = qemu_plugin_tb_vaddr(block) >> 63 ? kernel_block : user_block;
    void *instructions = (void *)(uintptr_t)qemu_plugin_tb_n_insns(block);

    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, entered, NO_REGISTERS, instructions);
}

static void called(Id id, unsigned processor, int64_t number, uint64_t a, uint64_t b, uint64_t c,
                   uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    (void)id, (void)processor, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g;
    (void)h;
    if (number >= 0 && number < CALLS)
        count(&counters->calls[number], 1);
}

OURS int qemu_plugin_install(Id id, const void *about, int argc, char **argv)
{
    int file;

    (void)about;
    if (argc != 1 || strncmp(argv[0], "into=", 5))
        return -1;
    file = open(argv[0] + 5, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof *counters))
        return -1;
    counters = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (counters == MAP_FAILED)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
