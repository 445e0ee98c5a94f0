// The boot ROM: loads it, and does its flash functions, which drive hardware that is not modelled.
import fs from 'node:fs';

const BYTES = 16 * 1024;
const FUNCTION_TABLE = 0x14; // holds the table's address [RP2040 data sheet, section 2.8.3]

/** The RP2040's boot ROM (a binary of 16 KiB) as the words that rp2040js takes. */
export function readBootrom(path) {
  const file = fs.readFileSync(path);
  if (file.length !== BYTES) throw new Error(`${path} has ${file.length} bytes, not ${BYTES}`);
  return new Uint32Array(file.buffer.slice(file.byteOffset, file.byteOffset + BYTES));
}

/** Join the flash functions of a chip's boot ROM with a Flash. */
export function joinFlash(mcu, breakpoints, flash) {
  const functions = readFunctions(mcu.bootrom);
  const plant = (code, work) => breakpoints.plant(functions.get(code), work);
  // Only the two that change anything have something to do here.
  for (const code of ['IF', 'EX', 'FC', 'CX']) plant(code, () => breakpoints.return_());
  plant('RE', ([offset, length]) => {
    mcu.clock.tick(flash.erase(offset, length));
    breakpoints.return_();
  });
  plant('RP', ([offset, source, length]) => {
    const bytes = Uint8Array.from({ length }, (_, i) => mcu.readUint8(source + i));
    mcu.clock.tick(flash.program(offset, bytes));
    breakpoints.return_();
  });
}

/** Map of two-letter code -> address. */
function readFunctions(words) {
  const half = (address) => (words[address >> 2] >>> ((address & 2) * 8)) & 0xffff;
  const functions = new Map();
  for (let at = half(FUNCTION_TABLE); half(at); at += 4) {
    const code = String.fromCharCode(half(at) & 255, half(at) >> 8);
    functions.set(code, half(at + 2) & ~1);
  }
  return functions;
}
