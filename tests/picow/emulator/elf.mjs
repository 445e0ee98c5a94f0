// Reads an ELF file: what has to lie where in memory, and the addresses of its symbols.
import fs from 'node:fs';

const PT_LOAD = 1;
const SHT_SYMTAB = 2;
const SYMBOL_BYTES = 16;

/**
 * Read a 32-bit little-endian ELF file.
 *
 * Returns {segments: [{address, data}], symbols: Map of name -> address}. Throws an Error if the
 * file is no such ELF or carries no symbols: the Wi-Fi chip is found by them.
 */
export function readElf(path) {
  const file = fs.readFileSync(path);
  if (file.toString('latin1', 0, 4) !== '\x7fELF') throw new Error(`${path} is not an ELF file`);
  const segments = readSegments(file);
  const symbols = readSymbols(file);
  if (!symbols.size) throw new Error(`${path} has no symbols: it must not be stripped`);
  return { segments, symbols };
}

function readSegments(file) {
  const segments = [];
  const start = file.readUInt32LE(28);
  const size = file.readUInt16LE(42);
  const count = file.readUInt16LE(44);
  for (let i = 0; i < count; i++) {
    const header = start + i * size;
    const offset = file.readUInt32LE(header + 4);
    const length = file.readUInt32LE(header + 16);
    if (file.readUInt32LE(header) !== PT_LOAD || !length) continue;
    segments.push({
      address: file.readUInt32LE(header + 12),
      data: file.subarray(offset, offset + length),
    });
  }
  return segments;
}

function readSymbols(file) {
  const symbols = new Map();
  const start = file.readUInt32LE(32);
  const size = file.readUInt16LE(46);
  const count = file.readUInt16LE(48);
  for (let i = 0; i < count; i++) {
    const header = start + i * size;
    if (file.readUInt32LE(header + 4) !== SHT_SYMTAB) continue;
    const first = file.readUInt32LE(header + 16);
    const end = first + file.readUInt32LE(header + 20);
    const names = file.readUInt32LE(start + file.readUInt32LE(header + 24) * size + 16);
    for (let at = first; at < end; at += SYMBOL_BYTES) {
      const name = names + file.readUInt32LE(at);
      const text = file.toString('latin1', name, file.indexOf(0, name));
      if (text) symbols.set(text, file.readUInt32LE(at + 4));
    }
  }
  return symbols;
}
