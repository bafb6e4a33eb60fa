/**
 * Is a text a unit of the Unified Code for Units of Measure (UCUM 2.2, https://ucum.org/ucum; case sensitive)? Only the
 * grammar and the codes of the units: what they are worth is not needed to tell a unit from a slip of the pen.
 */
export const UCUM = 'http://unitsofmeasure.org';

/** Units that take a prefix (§4, tables "metric"). */
const METRIC: ReadonlySet<string> = new Set(
  `
  A B B[10.nV] B[SPL] B[V] B[W] B[kW] B[mV] B[uV] Bd Bi Bq By C Cel Ci F G Gal Gb Gy H Hz J K Ky L Lmb Mx N Np Oe
  Ohm P Pa R RAD REM S St Sv T U V W Wb [G] [IU] [c] [e] [eps_0] [g] [h] [iU] [k] [ly] [m_e] [m_p] [mu_0] ar bar
  bit cal cal_IT cal_[15] cal_[20] cal_m cal_th cd dyn eV eq erg g g% gf kat l lm lx m m[H2O] m[Hg] mho mol osm pc
  ph rad s sb sr st t tex u
  `
    .trim()
    .split(/\s+/),
);

/** Units that take none; `10*` and `10^` among them. */
const OTHER: ReadonlySet<string> = new Set(
  `
  % %[slope] ' '' 10* 10^ AU Ao Torr [APL'U] [AU] [Amb'a'1'U] [BAU] [Btu] [Btu_39] [Btu_59] [Btu_60] [Btu_IT]
  [Btu_m] [Btu_th] [CCID_50] [CFU] [Cal] [Ch] [D'ag'U] [EID_50] [ELU] [EU] [FEU] [FFU] [GPL'U] [HPF] [HP] [IR]
  [LPF] [Lf] [MET] [MPL'U] [PFU] [PNU] [PRU] [S] [TCID_50] [USP'U] [acr_br] [acr_us] [anti'Xa'U] [arb'U] [bbl_us]
  [bdsk'U] [beth'U] [bf_i] [bu_br] [bu_us] [car_Au] [car_m] [cft_i] [ch_br] [ch_us] [cicero] [cin_i] [cml_i]
  [cr_i] [crd_us] [cup_m] [cup_us] [cyd_i] [degF] [degR] [degRe] [den] [didot] [diop] [dpt_us] [dqt_us] [dr_ap]
  [dr_av] [drp] [dye'U] [fdr_br] [fdr_us] [foz_br] [foz_m] [foz_us] [ft_br] [ft_i] [ft_us] [fth_br] [fth_i]
  [fth_us] [fur_us] [gal_br] [gal_us] [gal_wi] [gil_br] [gil_us] [gr] [hd_i] [hnsf'U] [hp'_C] [hp'_M] [hp'_Q]
  [hp'_X] [hp_C] [hp_M] [hp_Q] [hp_X] [in_br] [in_i'H2O] [in_i'Hg] [in_i] [in_us] [ka'U] [kn_br] [kn_i] [knk'U]
  [kp_C] [kp_M] [kp_Q] [kp_X] [lb_ap] [lb_av] [lb_tr] [lbf_av] [lcwt_av] [ligne] [lk_br] [lk_us] [lne] [lton_av]
  [m/s2/Hz^(1/2)] [mclg'U] [mesh_i] [mi_br] [mi_i] [mi_us] [mil_i] [mil_us] [min_br] [min_us] [nmi_br] [nmi_i]
  [oz_ap] [oz_av] [oz_m] [oz_tr] [p'diop] [pH] [pc_br] [pca] [pca_pr] [pi] [pied] [pk_br] [pk_us] [pnt] [pnt_pr]
  [pouce] [ppb] [ppm] [ppth] [pptr] [psi] [pt_br] [pt_us] [pwt_tr] [qt_br] [qt_us] [rch_us] [rd_br] [rd_us]
  [rlk_us] [sc_ap] [sct] [scwt_av] [sft_i] [sin_i] [smgy'U] [smi_us] [smoot] [srd_us] [ston_av] [stone_av] [syd_i]
  [tb'U] [tbs_m] [tbs_us] [todd'U] [tsp_m] [tsp_us] [twp] [wood'U] [yd_br] [yd_i] [yd_us] a a_g a_j a_t atm att b
  bit_s circ d deg gon h min mo mo_g mo_j mo_s sph wk
  `
    .trim()
    .split(/\s+/),
);

/** §3.1, with the binary ones of §3.4. */
const PREFIXES = 'Ki Mi Gi Ti da Q R Y Z E P T G M k h d c m u n p f a z y r q'.split(' ');
const EXPONENT = /[+-]?[0-9]+$/;
const ANNOTATION = /^\{[\x21-\x7a\x7c\x7e ]*\}/;
/** Longer than any unit; the grammar nests by parentheses. */
const UNIT_LENGTH_MAX = 255;
const NESTING_MAX = 16;

export function isUcumUnit(text: string): boolean {
  if (text === '' || text.length > UNIT_LENGTH_MAX) return false;
  return termEnd(text, text.startsWith('/') ? 1 : 0, 0) === text.length;
}

/** Where the term that begins at `at` ends: components between `.` and `/`; -1 if it is none. */
function termEnd(text: string, at: number, nesting: number): number {
  let end = componentEnd(text, at, nesting);
  while (end > 0 && (text[end] === '.' || text[end] === '/')) end = componentEnd(text, end + 1, nesting);
  return end;
}

function componentEnd(text: string, at: number, nesting: number): number {
  if (text[at] === '(') {
    if (nesting >= NESTING_MAX) return -1;
    const end = termEnd(text, text[at + 1] === '/' ? at + 2 : at + 1, nesting + 1);
    return end > 0 && text[end] === ')' ? annotationEnd(text, end + 1) : -1;
  }
  const end = simpleEnd(text, at);
  if (end > at && !isSimple(text.slice(at, end))) return -1;
  const annotated = annotationEnd(text, end);
  return annotated > at ? annotated : -1;
}

/** `[m/s2/Hz^(1/2)]` is one unit: what stands in brackets does not end it. */
function simpleEnd(text: string, at: number): number {
  let inside = false;
  for (let end = at; end < text.length; end++) {
    const character = text[end] as string;
    if (character === '[') inside = true;
    else if (character === ']') inside = false;
    else if (!inside && './(){}'.includes(character)) return end;
  }
  return inside ? -1 : text.length;
}

function annotationEnd(text: string, at: number): number {
  if (text[at] !== '{') return at;
  const annotation = ANNOTATION.exec(text.slice(at))?.[0];
  return annotation === undefined ? -1 : at + annotation.length;
}

function isSimple(unit: string): boolean {
  if (isAtom(unit) || /^[1-9][0-9]*$/.test(unit)) return true;
  const exponent = EXPONENT.exec(unit)?.[0];
  return exponent !== undefined && exponent.length < unit.length && isAtom(unit.slice(0, -exponent.length));
}

function isAtom(unit: string): boolean {
  if (METRIC.has(unit) || OTHER.has(unit)) return true;
  return PREFIXES.some((prefix) => unit.startsWith(prefix) && METRIC.has(unit.slice(prefix.length)));
}
