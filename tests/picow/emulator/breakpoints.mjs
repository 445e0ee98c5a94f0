// Breakpoints planted in firmware and boot ROM, at which JavaScript does a function's work.
import { FLASH_ADDRESS } from './flash.mjs';

const BKPT = 0xbe00; // its low byte says which breakpoint it is
const MOST = 256;

export class Breakpoints {
  /** onStray(address): told of a BKPT that is not ours, which hangs the core. */
  constructor(mcu, onStray) {
    this.mcu = mcu;
    this.onStray = onStray;
    this.planted = [];
    mcu.onBreak = (number) => this.#hit(number);
  }

  /**
   * Have work(registers) done in place of the function at an address.
   *
   * It ends by return_() or by setting the PC itself.
   */
  plant(address, work) {
    const number = this.planted.length;
    if (number >= MOST) throw new Error('too many breakpoints');
    this.planted.push({ address, work });
    const code = BKPT | number;
    if (address >= FLASH_ADDRESS) {
      this.mcu.flash16[(address - FLASH_ADDRESS) >> 1] = code;
      return;
    }
    const { bootrom } = this.mcu; // 32-bit words
    const word = bootrom[address >> 2];
    bootrom[address >> 2] = address & 2 ? (word & 0xffff) | (code << 16) : (word & ~0xffff) | code;
  }

  /** Return from the function, with a value if one is given. */
  return_(value) {
    const { core } = this.mcu;
    if (value !== undefined) core.registers[0] = value;
    core.PC = core.registers[14] & ~1;
  }

  #hit(number) {
    const { core } = this.mcu;
    const address = core.PC - 2;
    const breakpoint = this.planted[number];
    if (breakpoint?.address === address) {
      breakpoint.work(core.registers);
    } else {
      core.PC = address;
      core.waiting = true;
      this.onStray(address);
    }
  }
}
