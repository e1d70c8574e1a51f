/** Text of others, made safe to look at: signs that are not seen, or that turn the order of others round, are shown as what they are. Pure. */

// Controls and signs of format (marks and isolates of direction, zero width, tags), but for those that scripts and emoji are written with.
const UNSEEN = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}]/gu;
const PICTURES = 0x2400; // Unicode's own pictures of control characters

/** The text with nothing unseen in it. A CR before an LF goes with it. */
export function plain(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(UNSEEN, (sign) => {
    const code = sign.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCharCode(PICTURES + code);
    return code === 0x7f ? "\u2421" : `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
  });
}
