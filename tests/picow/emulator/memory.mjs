// Makes rp2040js look into RAM and flash first, which is what a program reads and writes most.
import { RP2040 } from 'rp2040js';
import { FLASH_ADDRESS, FLASH_BYTES } from './flash.mjs';

const RAM_ADDRESS = 0x20000000;
const RAM_BYTES = 264 * 1024;

const chip = RP2040.prototype;
const { readUint32, writeUint32 } = chip;

chip.readUint32 = function (address) {
  const ram = (address >>> 0) - RAM_ADDRESS;
  if (ram >= 0 && ram < RAM_BYTES) return this.sramView.getUint32(ram, true);
  const flash = (address >>> 0) - FLASH_ADDRESS;
  if (flash >= 0 && flash < FLASH_BYTES) return this.flashView.getUint32(flash, true);
  return readUint32.call(this, address);
};

chip.writeUint32 = function (address, value) {
  const ram = (address >>> 0) - RAM_ADDRESS;
  if (ram >= 0 && ram < RAM_BYTES) this.sramView.setUint32(ram, value, true);
  else writeUint32.call(this, address, value);
};
