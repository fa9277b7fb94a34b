"use strict";

// Grey planes of channels into colour pictures. One painter for crops, decoded cells and fields.
Phenovae.painter = (() => {
  const KEPT = 600;
  const known = new Map();
  const scratch = document.createElement("canvas");

  // A picture whose channels lie one below the other, as planes.
  async function load(address, channels) {
    const image = new Image();
    image.src = address;
    await image.decode();
    const width = image.naturalWidth;
    const height = image.naturalHeight / channels;
    scratch.width = width;
    scratch.height = image.naturalHeight;
    const context = scratch.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, width, image.naturalHeight).data;
    const data = new Uint8Array(width * image.naturalHeight);
    for (let at = 0; at < data.length; at += 1) data[at] = pixels[4 * at];
    return { channels, height, width, data };
  }

  function planesOf(address, channels) {
    let found = known.get(address);
    if (!found) {
      found = load(address, channels);
      found.catch(() => known.delete(address));
      known.set(address, found);
      if (known.size > KEPT) known.delete(known.keys().next().value);
    }
    return found;
  }

  // One channel alone is painted grey, which shows the most of it.
  function paint(canvas, planes, colours, channel) {
    const { channels, height, width, data } = planes;
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const size = height * width;
    const alone = channel === "all" ? -1 : Number(channel);
    for (let at = 0; at < size; at += 1) {
      let red = 0;
      let green = 0;
      let blue = 0;
      if (alone >= 0) {
        red = green = blue = data[alone * size + at];
      } else {
        for (let number = 0; number < channels; number += 1) {
          const value = data[number * size + at];
          const colour = colours[number];
          red += value * colour[0];
          green += value * colour[1];
          blue += value * colour[2];
        }
      }
      const place = 4 * at;
      image.data[place] = red;
      image.data[place + 1] = green;
      image.data[place + 2] = blue;
      image.data[place + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  // A square around the cell: two lines, so that one of them shows on any ground.
  function mark(canvas, row, column, side) {
    const context = canvas.getContext("2d");
    const thick = Math.max(2, canvas.width / 240);
    for (const [colour, width] of [["#000000", 3 * thick], ["#ffffff", thick]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(column - side / 2, row - side / 2, side, side);
    }
  }

  return { planesOf, paint, mark };
})();
