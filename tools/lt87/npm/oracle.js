// iso_8583 behind lines of JSON: a request a line on stdin, its answer a line on stdout, until stdin ends.
// node oracle.js FOLDER_WITH_NODE_MODULES; the first line is {"ascii": formats, "bcd": formats}.
// {"wire", "decode": hex} -> {"fields"}; {"wire", "encode": fields} -> {"raw": hex}; a refusal -> {"error"}.
"use strict";

const { createRequire } = require("module");
const { createInterface } = require("readline");
const { join } = require("path");

const Message = createRequire(join(process.argv[2], "package.json"))("iso_8583");
let formats = null;

function answer(request) {
  if ("decode" in request) {
    const buffer = Buffer.from(request.decode, "hex");
    const fields = new Message(null, formats[request.wire]).getIsoJSON(buffer, { lenHeader: false });
    return fields.error ? fields : { fields };
  }
  const raw = new Message(request.encode, formats[request.wire]).getRawMessage();
  return Buffer.isBuffer(raw) ? { raw: raw.toString("hex") } : { error: JSON.stringify(raw) };
}

createInterface({ input: process.stdin, terminal: false }).on("line", (line) => {
  const request = JSON.parse(line);
  if (formats === null) {
    formats = request;
    return;
  }
  let said;
  try {
    said = answer(request);
  } catch (error) {
    said = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(said) + "\n");
});
