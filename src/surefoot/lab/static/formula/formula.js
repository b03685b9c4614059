// A formula's text to a function with exact derivatives; `names` gives letters a number.
import { differentiate } from "./differentiate.js";
import { parse } from "./parse.js";

export const compiled = (text, names) => differentiate(parse(text, names));
