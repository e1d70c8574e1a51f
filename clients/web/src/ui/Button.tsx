/** Buttons, in the three weights that there are. */
import type { ButtonHTMLAttributes } from "react";
import styles from "./Button.module.css";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** How much it asks to be pressed; `danger` ends or removes something. Default: `plain`. */
  readonly weight?: "plain" | "main" | "danger" | "quiet";
}

/** A button; `type` is `button` unless it says otherwise. */
export function Button({ weight = "plain", className, type = "button", ...rest }: Props) {
  return <button type={type} className={[styles.button, styles[weight], className].filter(Boolean).join(" ")} {...rest} />;
}
