/* What the processor calls at each block of instructions: see coverage.py, which compiles it.

   It is C because a call of Python for each block would take half as long again as the tests do.
   Several processes count in one table at once, so a slot is taken, and counted up, in one go. */

typedef unsigned long long u64;

enum { BITS = 21, NOWHERE = (1 << BITS) - 1 };

struct slot {
    u64 step; /* taken, and what `packed` makes of a step; zero where the slot is free */
    u64 count;
};

struct watch {
    u64 start, words; /* of the text that is watched: its address, and how many instructions */
    u64 shift;        /* how many bits of a hash are no number of a slot */
    struct slot *slots;
    u64 *lost; /* how many steps found no slot */
    u64 from;  /* the last instruction of the block that is being run, or NOWHERE */
    u64 step;  /* the way to that block, and the block */
};

static u64 packed(u64 from, u64 first, u64 last)
{
    return 1ull << 63 | from << 2 * BITS | first << BITS | last;
}

static void count(struct watch *watch, u64 step, u64 more)
{
    u64 slots = 1ull << (64 - watch->shift);
    u64 at = step * 0x9E3779B97F4A7C15ull >> watch->shift;
    for (u64 tries = 0; tries < slots; tries++, at = (at + 1) % slots) {
        struct slot *slot = &watch->slots[at];
        u64 there = __atomic_load_n(&slot->step, __ATOMIC_RELAXED);
        if (there == 0 && __atomic_compare_exchange_n(&slot->step, &there, step, 0,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            there = step;
        if (there == step) {
            __atomic_fetch_add(&slot->count, more, __ATOMIC_RELAXED);
            return;
        }
    }
    __atomic_fetch_add(watch->lost, 1, __ATOMIC_RELAXED);
}

/* The processor begins a block of `size` bytes. */
void entered(void *processor, u64 address, unsigned size, struct watch *watch)
{
    u64 first = (address - watch->start) / 4, last = first + size / 4 - 1;
    (void)processor;
    if (address < watch->start || first > last || last >= watch->words) {
        watch->from = NOWHERE;
        return;
    }
    watch->step = packed(watch->from, first, last);
    watch->from = last;
    count(watch, watch->step, 1);
}

/* It got no further than this address: the rest of the block was not run, and nothing follows. */
void stopped(struct watch *watch, u64 address)
{
    u64 last = (address - watch->start) / 4, first = watch->step >> BITS & NOWHERE;
    if (watch->from != NOWHERE && first <= last && last < watch->from) {
        count(watch, watch->step, -1ull);
        count(watch, watch->step >> BITS << BITS | last, 1);
    }
    watch->from = NOWHERE;
}
