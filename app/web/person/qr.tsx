/** A picture that a telephone's camera reads. */

import { generate } from "lean-qr/nano";
import { useMemo } from "preact/hooks";

/** The light edge around the code, in its dots: the standard asks for four. */
const EDGE = 4;

export function QrCode({ text, label }: { text: string; label: string }) {
  const [size, path] = useMemo(() => {
    const code = generate(text);
    const dots: string[] = [];
    for (let y = 0; y < code.size; y++) {
      for (let x = 0; x < code.size; x++) {
        if (code.get(x, y)) dots.push(`M${x + EDGE} ${y + EDGE}h1v1h-1z`);
      }
    }
    return [code.size + 2 * EDGE, dots.join("")];
  }, [text]);
  return (
    <figure class="qr">
      <svg viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
        <path d={path} />
      </svg>
      <figcaption>{label}</figcaption>
    </figure>
  );
}
