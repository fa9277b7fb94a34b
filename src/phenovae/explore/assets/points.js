"use strict";

// Points in a plane, and which of them is nearest to a place, fast enough for a moving mouse.
Phenovae.points = (() => {
  const SIDE = 128;
  const FRAMED = 200;
  const SAVES = 0.7;

  function extent(values) {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (!(low <= high)) return [0, 1];
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  }

  // Where all but a thousandth at each end lie, and a little more; all where that saves little room.
  function frame(values) {
    const whole = extent(values);
    const there = Float64Array.from(values).filter(Number.isFinite).sort();
    if (there.length < FRAMED) return whole;
    const end = Math.floor(there.length / 1000) + 1;
    const [low, high] = [there[end], there[there.length - 1 - end]];
    if (!(low < high)) return whole;
    const room = 0.15 * (high - low);
    const inner = [Math.max(whole[0], low - room), Math.min(whole[1], high + room)];
    return inner[1] - inner[0] < SAVES * (whole[1] - whole[0]) ? inner : whole;
  }

  function indexed(x, y) {
    const [left, right] = extent(x);
    const [bottom, top] = extent(y);
    const across = (value) => Math.min(SIDE - 1, Math.max(0, Math.floor(((value - left) / (right - left)) * SIDE)));
    const up = (value) => Math.min(SIDE - 1, Math.max(0, Math.floor(((value - bottom) / (top - bottom)) * SIDE)));
    const boxes = new Map();
    for (let at = 0; at < x.length; at += 1) {
      if (!(Number.isFinite(x[at]) && Number.isFinite(y[at]))) continue;
      const key = up(y[at]) * SIDE + across(x[at]);
      const box = boxes.get(key);
      if (box) box.push(at); else boxes.set(key, [at]);
    }

    // The nearest point within an ellipse of these half axes, or -1.
    function nearest(px, py, reachX, reachY) {
      let best = -1;
      let least = 1;
      for (let row = up(py - reachY); row <= up(py + reachY); row += 1) {
        for (let column = across(px - reachX); column <= across(px + reachX); column += 1) {
          for (const at of boxes.get(row * SIDE + column) || []) {
            const away = ((x[at] - px) / reachX) ** 2 + ((y[at] - py) / reachY) ** 2;
            if (away < least) {
              least = away;
              best = at;
            }
          }
        }
      }
      return best;
    }

    const framed = [...frame(x), ...frame(y)];
    let outside = 0;
    for (let at = 0; at < x.length; at += 1) {
      if (x[at] < framed[0] || x[at] > framed[1] || y[at] < framed[2] || y[at] > framed[3]) outside += 1;
    }
    return { framed, outside, nearest };
  }

  // Points inside a polygon: a ray to the right crosses its outline an odd number of times.
  function within({ x, y }, outline) {
    const [ox, oy] = [Array.from(outline.x), Array.from(outline.y)];
    const [left, right] = extent(ox);
    const [bottom, top] = extent(oy);
    const found = [];
    for (let at = 0; at < x.length; at += 1) {
      const [px, py] = [x[at], y[at]];
      if (!(px >= left && px <= right && py >= bottom && py <= top)) continue;
      let inside = false;
      for (let one = 0, other = ox.length - 1; one < ox.length; other = one, one += 1) {
        if ((oy[one] > py) !== (oy[other] > py)
          && px < ((ox[other] - ox[one]) * (py - oy[one])) / (oy[other] - oy[one]) + ox[one]) inside = !inside;
      }
      if (inside) found.push(at);
    }
    return found;
  }

  return { extent, indexed, within };
})();
