// Looks into the running firmware: what the core is doing, and lwIP's heap.
import { FLASH_ADDRESS, FLASH_BYTES } from './flash.mjs';

const RAM_END = 0x20042000;

/** Functions that the core is in, the innermost first, as far as the stack shows; at most `most`. */
export function backtrace(mcu, symbols, most = 40) {
  const { core } = mcu;
  const name = namer(symbols);
  const found = [name(core.PC), `LR ${name(core.LR & ~1)}`];
  for (let at = core.SP; at < RAM_END && found.length < most; at += 4) {
    const word = mcu.readUint32(at);
    const target = word & ~1;
    if (!(word & 1) || target <= FLASH_ADDRESS || target >= FLASH_ADDRESS + FLASH_BYTES) continue;
    // A return address is one behind a BLX (one halfword) or a BL (two).
    const before = mcu.readUint16(target - 2);
    const first = mcu.readUint16(target - 4);
    const isBlx = before >> 7 === 0b010001111;
    const isBl = first >> 11 === 0b11110 && before >> 14 === 3;
    if (isBlx || isBl) found.push(name(target));
  }
  return found;
}

function namer(symbols) {
  const table = [...symbols]
    .filter(([name, address]) => address >= FLASH_ADDRESS && address < RAM_END && name[0] !== '$')
    .map(([name, address]) => ({ name, address: address & ~1 }))
    .sort((a, b) => a.address - b.address);
  return (address) => {
    const last = table.findLast((entry) => entry.address <= address);
    return last ? `${last.name}+${(address - last.address).toString(16)}` : address.toString(16);
  };
}

/**
 * lwIP's heap, in bytes: size, free, and the pieces that are used and free.
 *
 * It is a list of struct mem from `ram` to `ram_end`: next (16 bits), prev, used (8 bits).
 */
export function lwipHeap(mcu, symbols) {
  const start = mcu.readUint32(symbols.get('ram'));
  const size = mcu.readUint32(symbols.get('ram_end')) - start;
  const pieces = { used: [], unused: [] };
  for (let at = 0; at < size;) {
    const next = mcu.readUint16(start + at);
    const used = mcu.readUint8(start + at + 4);
    pieces[used ? 'used' : 'unused'].push(next - at);
    if (next <= at) break;
    at = next;
  }
  return { size, free: pieces.unused.reduce((sum, piece) => sum + piece, 0), ...pieces };
}
