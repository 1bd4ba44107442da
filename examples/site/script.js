"use strict";

const find = (id) => document.getElementById(id);

// What the browser noticed: nothing here is told by the page, all of it was measured.

async function showFacts() {
  const [page] = performance.getEntriesByType("navigation");
  find("fact-protocol").textContent = page.nextHopProtocol || "unknown";
  find("fact-size").textContent = `${page.encodedBodySize.toLocaleString("en")} bytes`;
  find("fact-wait").textContent = `${(page.responseStart - page.requestStart).toFixed(1)} ms`;
  const answer = await fetch(location.pathname, { method: "HEAD", cache: "no-store" });
  find("fact-server").textContent = answer.headers.get("server") ?? "no name given";
}

// One instruction: ADD (immediate), 64 bits.  The fields, from the highest bit down, as the manual
// draws them: sf=1, op=0, S=0, 100010, sh=0, imm12, Rn, Rd.

function showInstruction() {
  const [rd, rn, imm] = ["rd", "rn", "imm"].map((id) => Number(find(id).value));
  const bits = (value, width) => value.toString(2).padStart(width, "0");
  const fields = [
    ["sf", "1"], ["op", "0"], ["S", "0"], ["add", "100010"], ["sh", "0"],
    ["imm12", bits(imm, 12)], ["Rn", bits(rn, 5)], ["Rd", bits(rd, 5)],
  ];
  const word = parseInt(fields.map(([, value]) => value).join(""), 2);
  find("rd-name").textContent = `x${rd}`;
  find("rn-name").textContent = `x${rn}`;
  find("imm-name").textContent = imm;
  find("line").textContent = `add(x${rd}, x${rn}, ${imm})`;
  find("word-bits").replaceChildren(...fields.map(([name, value]) => {
    const field = document.createElement("span");
    field.textContent = value;
    field.dataset.field = name;
    field.className = { imm12: "imm", Rn: "rn", Rd: "rd" }[name] ?? "";
    return field;
  }));
  find("word-bytes").textContent = [0, 8, 16, 24]
    .map((shift) => ((word >>> shift) & 0xff).toString(16).padStart(2, "0")).join(" ");
}

// Requests.  `no-store` keeps the browser's cache out of it: what is shown was on the wire.

const FILE = "journey.svg";
const QUESTIONS = {
  whole: { say: "A file: its length, its type, when it was changed, and a tag that names this version of it." },
  head: { method: "HEAD", say: "The same fields as for GET, and no body." },
  range: { headers: { Range: "bytes=0-31" }, say: "A part. Seeking in a video, or going on with a download, is this." },
  beyond: { headers: { Range: "bytes=99999999-" }, say: "A part that does not exist; Content-Range tells how long the file is." },
  again: { tagged: true, say: "The tag came back as If-None-Match: it still fits, so the file stayed where it is." },
  missing: { path: "nowhere", headers: { Accept: "application/json" }, say: "Not found; and in JSON, because the request preferred that." },
  options: { method: "OPTIONS", say: "No content, only the methods that are served." },
  delete: { method: "DELETE", say: "Refused: the server reads your files and never changes them." },
};

async function ask(name) {
  const { method = "GET", path = FILE, headers = {}, tagged = false, say } = QUESTIONS[name];
  const asked = { ...headers };
  if (tagged) {
    const first = await fetch(path, { method: "HEAD", cache: "no-store" });
    asked["If-None-Match"] = first.headers.get("etag") ?? "*";
  }
  const url = new URL(path, location.href);
  const fields = [["Host", url.host], ...Object.entries(asked)];
  show("sent", `${method} ${url.pathname} HTTP/1.1`, fields);
  const answer = await fetch(url, { method, headers: asked, cache: "no-store" });
  const body = new Uint8Array(await answer.arrayBuffer());
  const status = `${answer.status} ${answer.statusText}`;
  show("came", status, [...answer.headers], body, answer.status >= 400);
  find("comment").textContent = say;
}

function show(where, first, fields, body = new Uint8Array(), bad = false) {
  const piece = (className, text) => {
    const span = document.createElement("span");
    span.className = className;
    span.textContent = text;
    return span;
  };
  const code = document.createElement("code");
  code.append(piece(bad ? "status bad" : "status", first), "\n");
  for (const [name, value] of fields) {
    code.append(piece("name", `${name}: `), `${value}\n`);
  }
  if (body.length > 0) {
    const MOST = 240;
    const text = new TextDecoder().decode(body.subarray(0, MOST));
    code.append("\n", text);
    if (body.length > MOST) {
      code.append(piece("name", `\n… ${(body.length - MOST).toLocaleString("en")} bytes more`));
    }
  }
  find(where).replaceChildren(code);
}

function listen() {
  for (const button of document.querySelectorAll("[data-ask]")) {
    button.addEventListener("click", async () => {
      for (const other of document.querySelectorAll("[data-ask]")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      find("exchange").setAttribute("aria-busy", "true");
      try {
        await ask(button.dataset.ask);
      } catch (error) {
        show("came", "no answer", [["reason", error.message]], undefined, true);
      }
      find("exchange").setAttribute("aria-busy", "false");
    });
  }
  for (const id of ["rd", "rn", "imm"]) {
    find(id).addEventListener("input", showInstruction);
  }
}

listen();
showInstruction();
showFacts().finally(() => { document.documentElement.dataset.ready = "yes"; });
