"use strict";

// Arrays and columns as they come: little-endian bytes in base 64.
Phenovae.unpacking = (() => {
  const kinds = { f4: Float32Array, f8: Float64Array, i4: Int32Array };

  function bytes(text) {
    const raw = atob(text);
    const found = new Uint8Array(raw.length);
    for (let at = 0; at < raw.length; at += 1) found[at] = raw.charCodeAt(at);
    return found;
  }

  function array(told) {
    return new kinds[told.kind](bytes(told.data).buffer);
  }

  function column(told) {
    if (told.is === "numbers") return { is: "numbers", values: array(told.values) };
    return { ...told, codes: array(told.codes) };
  }

  return { array, bytes, column };
})();
