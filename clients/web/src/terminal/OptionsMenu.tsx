/** How terminals look in this browser. */
import { useStore } from "../stores/use";
import { MenuButton } from "../ui/Menu";
import { type Settings, settings } from "./settings";

const FONT_SIZE = 13; // px
const SMALLEST = 6; // px
const LARGEST = 32; // px

/** Draws the button that opens them. */
export function OptionsMenu() {
  const { fontSize, reader } = useStore(settings);
  const change = (what: Partial<Settings>) => settings.update((all) => ({ ...all, ...what }));
  const size = fontSize ?? FONT_SIZE;
  return (
    <MenuButton
      label="Terminal options"
      items={[
        { label: "Larger text", onSelect: () => change({ fontSize: Math.min(LARGEST, size + 1) }) },
        { label: "Smaller text", onSelect: () => change({ fontSize: Math.max(SMALLEST, size - 1) }) },
        { label: "Text so that all is seen", onSelect: () => change({ fontSize: undefined }), checked: fontSize === undefined },
        { label: "For screen readers", onSelect: () => change({ reader: !reader }), checked: reader },
      ]}
    >
      Options
    </MenuButton>
  );
}
