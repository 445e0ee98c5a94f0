// The USB host: enumerates the board and reads and writes its serial console (CDC).
import { USBCDC } from 'rp2040js';

const PACKET_BYTES = 64;
const DTR_AND_RTS = 3;
const BUFFER_CONTROL = 0x80; // in the USB memory, 8 bytes an endpoint, IN before OUT
const AVAILABLE = 1 << 10; // cleared by the controller when the host has taken the packet

export class UsbHost {
  /** onText(bytes): what the board prints. onReady(): the serial port is there. */
  constructor(mcu, onText, onReady) {
    const usb = mcu.usbCtrl;
    this.usb = usb;
    this.cdc = new USBCDC(usb);
    this.typed = []; // bytes on their way to the board
    this.room = null; // bytes that the board's waiting OUT transfer takes
    this.reading = true;
    this.unread = false; // whether an IN transfer waits for the host to read
    this.cdc.onSerialData = onText;
    this.cdc.onDeviceConnected = onReady;
    // An OUT transfer is held until there is something to send. rp2040js ends it empty at once,
    // the firmware starts the next one, and interrupts are all that it does.
    usb.onEndpointRead = (endpoint, size) => {
      if (endpoint !== this.cdc.outEndpoint) return;
      this.room = size;
      this.#send();
    };
    // A host that does not read leaves IN transfers pending, as a frozen terminal program does.
    const done = usb.indicateBufferReady.bind(usb);
    usb.indicateBufferReady = (endpoint, out) => {
      if (!this.reading && !out && endpoint === this.cdc.inEndpoint) {
        this.unread = true;
        this.#mark(mcu, AVAILABLE);
      } else done(endpoint, out);
    };
    this.finish = () => {
      this.#mark(mcu, 0);
      done(this.cdc.inEndpoint, false);
    };
  }

  /** Send bytes to the board's console. */
  type(bytes) {
    this.typed.push(...bytes);
    this.#send();
  }

  /** Whether a program at the host has the port open. */
  setOpen(open) {
    this.cdc.cdcSetControlLineState(open ? DTR_AND_RTS : 0);
  }

  /** Whether the host reads what the board prints. */
  setReading(reading) {
    this.reading = reading;
    if (reading && this.unread) {
      this.unread = false;
      this.finish();
    }
  }

  /** rp2040js clears AVAILABLE as soon as the firmware has set it. */
  #mark(mcu, bit) {
    const at = BUFFER_CONTROL + this.cdc.inEndpoint * 8;
    const value = mcu.usbDPRAMView.getUint32(at, true);
    mcu.usbDPRAMView.setUint32(at, (value & ~AVAILABLE) | bit, true);
  }

  #send() {
    if (this.room === null || !this.typed.length) return;
    const count = Math.min(this.room, PACKET_BYTES, this.typed.length);
    const packet = Uint8Array.from(this.typed.splice(0, count));
    this.room = null;
    this.usb.endpointReadDone(this.cdc.outEndpoint, packet);
  }
}
