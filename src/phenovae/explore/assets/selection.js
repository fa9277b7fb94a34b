"use strict";

// A selection as a table to take away: every column of metadata, and names of files.
Phenovae.selection = ({ start, column, level, fail }) => {
  const part = (id) => document.getElementById(id);
  let chosen = [];

  const quoted = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  function valueOf(told, at) {
    if (told.is === "numbers") return Number.isFinite(told.values[at]) ? told.values[at] : "";
    const code = told.codes[at];
    return code < 0 || (told.missing || []).includes(told.names[code]) ? "" : told.names[code];
  }

  async function rowsOf(name, places) {
    const wanted = start.levels[name].columns
      .map((each) => each.name)
      .filter((each) => /^(Metadata_|Split$|Quality_|Cells$|Wells$)/.test(each));
    const told = await Promise.all(wanted.map((each) => column(name, each)));
    const { rows } = await level(name);
    const header = rows.length ? ["Store_Row", ...wanted] : wanted;
    const lines = places.map((at) => [
      ...(rows.length ? [rows[at]] : []), ...told.map((each) => valueOf(each, at)),
    ]);
    return [header, ...lines].map((line) => line.map(quoted).join(",")).join("\r\n") + "\r\n";
  }

  // The shown cells of wells or treatments, by what names these.
  async function cellsOf(name, places) {
    const keys = name === "wells" ? ["Metadata_Plate", "Metadata_Well"]
      : ["Metadata_Compound", "Metadata_Concentration", "Metadata_Role"];
    const of = async (which) => {
      const told = await Promise.all(keys.map((each) => column(which, each)));
      return (at) => JSON.stringify(told.map((each) => valueOf(each, at)));
    };
    const [mine, theirs] = [await of(name), await of("cells")];
    const wanted = new Set(places.map(mine));
    const found = [];
    for (let at = 0; at < start.levels.cells.count; at += 1) if (wanted.has(theirs(at))) found.push(at);
    return found;
  }

  function save(text, name, count) {
    const run = start.run.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+/, "").slice(0, 60) || "run";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = `phenovae-${run}-${count}-${name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  let shown = "cells";

  function tell() {
    const one = chosen.length === 1;
    part("selected").textContent = chosen.length
      ? `${chosen.length.toLocaleString("en")} ${one ? shown.replace(/s$/, "") : shown} selected.`
      : "Nothing selected: draw around points with the lasso.";
    for (const id of ["save-points", "save-cells", "clear"]) part(id).disabled = !chosen.length;
    part("save-cells").hidden = shown === "cells";
  }

  part("save-points").addEventListener("click", async () => {
    try {
      save(await rowsOf(shown, chosen), shown, chosen.length);
    } catch (error) {
      fail(error);
    }
  });
  part("save-cells").addEventListener("click", async () => {
    try {
      const cells = await cellsOf(shown, chosen);
      save(await rowsOf("cells", cells), "cells", cells.length);
    } catch (error) {
      fail(error);
    }
  });

  return {
    set(name, places) {
      shown = name;
      chosen = places;
      tell();
    },
  };
};
