"use strict";

// One name for all of the page. Classic scripts, not modules: a page that is opened from a folder
// may load no modules.
const Phenovae = {};
