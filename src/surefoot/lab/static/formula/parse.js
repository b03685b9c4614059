// A formula in x and y, parsed into a tape of operations; never evaluated as code.
//
//   sum      = product (("+" | "-") product)*
//   product  = sign (("*" | "/") sign | power)*       a number before a name or a bracket multiplies it: 2x
//   sign     = ("-" | "+") sign | power
//   power    = atom ("^" sign)?
//   atom     = number | name | function "(" sum ")" | "(" sum ")"
import { CONSTANTS, FUNCTIONS } from "./functions.js";

const LONGEST = 300;
const DEEPEST = 40;
const TOKEN = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z][A-Za-z0-9_]*)|(\*\*|[-+*/^()]))/y;

export class FormulaError extends Error {}

/** The tape: entries {op, a, b, value, at}, each after those that it names; the last one is the formula's value. */
export function parse(text, names = new Map()) {
  if (text.length > LONGEST) throw new FormulaError(`The formula has ${text.length} characters; ${LONGEST} are the most.`);
  const tokens = split(text);
  const tape = [];
  let next = 0;
  let depth = 0;
  const peek = () => tokens[next]?.text;
  const emit = (op, a, b, value) => tape.push({ op, a, b, value }) - 1;

  const expect = (wanted, after) => {
    if (peek() !== wanted) throw new FormulaError(tokens[next] ? `“${peek()}” stands where “${wanted}” is expected after ${after}.` : `The formula ends before the “${wanted}” of ${after}.`);
    next++;
  };
  const deeper = (rule) => {
    if (++depth > DEEPEST) throw new FormulaError(`The formula is nested more than ${DEEPEST} deep.`);
    const place = rule();
    depth--;
    return place;
  };

  const sum = () => {
    let left = product();
    while (peek() === "+" || peek() === "-") left = emit(tokens[next++].text === "+" ? "add" : "sub", left, product());
    return left;
  };
  const product = () => {
    let left = sign();
    for (;;) {
      if (peek() === "*" || peek() === "/") left = emit(tokens[next++].text === "*" ? "mul" : "div", left, sign());
      else if (tokens[next - 1].kind === "number" && (tokens[next]?.kind === "name" || peek() === "(")) left = emit("mul", left, power());
      else return left;
    }
  };
  const sign = () => deeper(() => {
    if (peek() === "+") return next++, sign();
    if (peek() === "-") return next++, emit("neg", sign());
    return power();
  });
  const power = () => {
    const base = atom();
    if (peek() !== "^") return base;
    next++;
    return emit("pow", base, sign());
  };
  const atom = () => {
    const token = tokens[next++];
    if (!token) throw new FormulaError(text.trim() ? "The formula ends where a number, x, y or a bracket is expected." : "The formula is empty: write one in x and y, such as x^2 + 4y^2.");
    if (token.kind === "number") return emit("number", undefined, undefined, Number(token.text));
    if (token.kind === "name") return named(token.text);
    if (token.text !== "(") throw new FormulaError(`“${token.text}” stands where a number, x, y or a bracket is expected.`);
    const inner = deeper(sum);
    expect(")", "a bracket");
    return inner;
  };
  const named = (name) => {
    if (name === "x" || name === "y") return emit(name);
    if (names.has(name)) return emit("number", undefined, undefined, names.get(name));
    if (CONSTANTS.has(name)) return emit("number", undefined, undefined, CONSTANTS.get(name));
    if (!FUNCTIONS.has(name)) throw new FormulaError(`“${name.slice(0, 20)}” is not known: there are x, y, pi, e and ${[...FUNCTIONS.keys()].join(", ")}.`);
    expect("(", name);
    const inner = deeper(sum);
    expect(")", name);
    return emit(name, inner);
  };

  sum();
  if (next < tokens.length) throw new FormulaError(`“${peek()}” stands where the formula should end or an operator is expected.`);
  return tape;
}

function split(text) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const place = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new FormulaError(`“${[...text.slice(place).trim()][0]}” has no meaning in a formula.`);
    const kind = match[1] ? "number" : match[2] ? "name" : "sign";
    tokens.push({ kind, text: match[0].trim().replace("**", "^") });
  }
  return tokens;
}
