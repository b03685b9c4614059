// The rules in the order of their history.
import { gd } from "./gd.js";
import { momentum } from "./momentum.js";
import { nesterov } from "./nesterov.js";
import { rmsprop } from "./rmsprop.js";
import { adam } from "./adam.js";
import { adamw } from "./adamw.js";

export const RULES = { gd, momentum, nesterov, rmsprop, adam, adamw };
