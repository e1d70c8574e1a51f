/** Pasted text, as a terminal hands it to a program. */

const START = "\x1b[200~";
const END = "\x1b[201~";

/**
 * What to type for a pasted text. Control characters but tab and the end of a line are left out, so that no text can end the paste
 * by itself and type on. `bracketed`: the program wants to know where a paste begins and ends.
 */
export function pasted(text: string, bracketed: boolean): string {
  const clean = text.replace(/\r?\n/g, "\r").replace(/(?![\t\r])\p{Cc}/gu, "");
  return bracketed && clean !== "" ? START + clean + END : clean;
}
