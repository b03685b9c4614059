// All surfaces by name, in the order in which they are met; planes of trained models come first.
import { beale } from "./beale.js";
import { bowl } from "./bowl.js";
import { cliff } from "./cliff.js";
import { himmelblau } from "./himmelblau.js";
import { line, noise, outliers } from "./line.js";
import { own } from "./own.js";
import { planeSurface } from "./plane.js";
import { plateau } from "./plateau.js";
import { ravine } from "./ravine.js";
import { rosenbrock } from "./rosenbrock.js";
import { saddle } from "./saddle.js";

export function surfaces(planes = []) {
  const list = [...planes.map(planeSurface), bowl, ravine, line, rosenbrock, himmelblau, beale, saddle, plateau, cliff, noise, outliers, own];
  return new Map(list.map((surface) => [surface.name, surface]));
}
