"use strict";
Phenovae.frozen = () => null;
