// The flash chip: kept in a file, erased to ones and programmed to zeros, its power cut at will.
import fs from 'node:fs';

export const FLASH_BYTES = 2 * 1024 * 1024; // a Pico W's W25Q16JV
export const FLASH_ADDRESS = 0x10000000;
const SECTOR_BYTES = 4096;
const PAGE_BYTES = 256;
// What the W25Q16JV's data sheet calls typical.
const ERASE_NANOS = 45e6; // of a sector
const PROGRAM_NANOS = 0.5e6; // of a page

/** Thrown in the middle of a flash operation that the power does not outlast. */
export class PowerCut extends Error {}

export class Flash {
  /** path: the file of the whole chip, made if it is missing. segments: the firmware's own part. */
  constructor(path, segments) {
    if (!fs.existsSync(path)) fs.writeFileSync(path, Buffer.alloc(FLASH_BYTES, 0xff));
    this.file = fs.openSync(path, 'r+');
    // The firmware is always that of the ELF, whatever the file held there.
    for (const { address, data } of segments) {
      const offset = address - FLASH_ADDRESS;
      if (offset < 0 || offset >= FLASH_BYTES) throw new Error('the ELF is not one for flash');
      fs.writeSync(this.file, data, 0, data.length, offset);
    }
    this.operations = 0; // calls of erase() and program()
    this.erased = 0; // sectors
    this.programmed = 0; // pages
    this.cutAt = 0; // the operation in which the power fails; 0: none
  }

  /** Let the power fail in the middle of the Nth operation from now; 0 takes that back. */
  cut(n) {
    this.cutAt = n ? this.operations + n : 0;
  }

  /** Show the content to a new chip, whose memory is `memory`. */
  load(memory) {
    this.memory = memory;
    const content = Buffer.alloc(FLASH_BYTES);
    fs.readSync(this.file, content, 0, FLASH_BYTES, 0);
    // The chip ignores the address lines that it does not have.
    for (let at = 0; at < memory.length; at += FLASH_BYTES) memory.set(content, at);
  }

  /** Erase whole sectors; returns how long that takes, in nanoseconds. */
  erase(offset, length) {
    if (this.#fails()) {
      // Some bits of a sector erased by half read as one already, in no order.
      for (let i = 0; i < length; i++) if ((i * 7919) % 3) this.memory[offset + i] = 0xff;
      this.#cutPower(offset, length);
    }
    this.memory.fill(0xff, offset, offset + length);
    this.#save(offset, length);
    this.erased += length / SECTOR_BYTES;
    return (ERASE_NANOS * length) / SECTOR_BYTES;
  }

  /** Program bytes: only from one to zero; returns how long that takes, in nanoseconds. */
  program(offset, bytes) {
    const fails = this.#fails();
    const end = fails ? bytes.length >> 1 : bytes.length;
    for (let i = 0; i < end; i++) this.memory[offset + i] &= bytes[i];
    if (fails) this.#cutPower(offset, bytes.length);
    this.#save(offset, bytes.length);
    this.programmed += bytes.length / PAGE_BYTES;
    return (PROGRAM_NANOS * bytes.length) / PAGE_BYTES;
  }

  #fails() {
    this.operations++;
    return this.operations === this.cutAt;
  }

  #cutPower(offset, length) {
    this.cutAt = 0;
    this.#save(offset, length);
    throw new PowerCut();
  }

  #save(offset, length) {
    fs.writeSync(this.file, this.memory, offset, length, offset);
  }
}
