"use strict";

// Many points as pixels: every point is a small disc, written straight into the picture. It takes
// milliseconds for 50,000 points on any machine, where WebGL without a graphics card takes seconds.
Phenovae.raster = (canvas) => {
  let points = { x: [], y: [], colours: [] };
  let pixels = new Uint32Array(0);
  let faint = pixels;
  let order = new Uint32Array(0);
  let chosen = null;

  // Red, green, blue and opacity as they lie in memory, low byte first.
  const packed = (hex, opacity) => ((opacity << 24) | (parseInt(hex.slice(5, 7), 16) << 16)
    | (parseInt(hex.slice(3, 5), 16) << 8) | parseInt(hex.slice(1, 3), 16)) >>> 0;

  // A fixed shuffle: drawn in order, the last group would cover all others.
  function shuffled(count) {
    const found = Uint32Array.from({ length: count }, (_, at) => at);
    let seed = 12345;
    for (let at = count - 1; at > 0; at -= 1) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      const other = seed % (at + 1);
      [found[at], found[other]] = [found[other], found[at]];
    }
    return found;
  }

  function disc(radius) {
    const found = [];
    const reach = Math.ceil(radius);
    for (let row = -reach; row <= reach; row += 1) {
      for (let column = -reach; column <= reach; column += 1) {
        if (row * row + column * column <= radius * radius) found.push([row, column]);
      }
    }
    return found;
  }

  function set(told) {
    points = told;
    const known = new Map();
    const of = (opacity) => Uint32Array.from(told.colours, (hex) => {
      const key = `${hex}${opacity}`;
      if (!known.has(key)) known.set(key, packed(hex, opacity));
      return known.get(key);
    });
    pixels = of(255);
    faint = of(40);
    if (order.length !== told.x.length) order = shuffled(told.x.length);
    chosen = null;
  }

  function draw(frame, left, right, bottom, top) {
    const ratio = devicePixelRatio || 1;
    const width = Math.max(1, Math.round(frame.width * ratio));
    const height = Math.max(1, Math.round(frame.height * ratio));
    Object.assign(canvas.style, {
      left: `${frame.left}px`, top: `${frame.top}px`, width: `${frame.width}px`, height: `${frame.height}px`,
    });
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const out = new Uint32Array(image.data.buffer);
    const across = width / (right - left);
    const up = height / (top - bottom);
    const offsets = disc((points.x.length > 20000 ? 1.5 : 2.3) * ratio);
    const { x, y } = points;

    function put(at, colour) {
      const column = Math.round((x[at] - left) * across);
      const row = Math.round((top - y[at]) * up);
      // Not a number is neither, so that hidden points fall out here.
      if (!(column >= -4 && column < width + 4 && row >= -4 && row < height + 4)) return;
      for (const [down, aside] of offsets) {
        const [line, place] = [row + down, column + aside];
        if (line >= 0 && line < height && place >= 0 && place < width) out[line * width + place] = colour;
      }
    }

    for (const at of order) if (!chosen || !chosen.has(at)) put(at, chosen ? faint[at] : pixels[at]);
    if (chosen) for (const at of chosen) put(at, pixels[at]);
    context.putImageData(image, 0, 0);
  }

  return {
    set,
    draw,
    choose(places) { chosen = places.length ? new Set(places) : null; },
  };
};
