/** Pictures of figures, drawn as SVG at the size they have. Each says in words what it shows. */

import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

function useWidth(): [RefObject<HTMLDivElement | null>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, set] = useState(0);
  useEffect(() => {
    if (!box.current) return;
    const watcher = new ResizeObserver((entries) => {
      for (const one of entries) set(Math.round(one.contentRect.width));
    });
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  return [box, width];
}

/** A bar in parts of one whole. */
export function Meter({ parts, label }: { parts: { share: number; kind: string }[]; label: string }) {
  let from = 0;
  return (
    <svg class="meter" role="img" aria-label={label} viewBox="0 0 100 10" preserveAspectRatio="none">
      <rect class="meter-ground" x="0" y="0" width="100" height="10" />
      {parts.map(({ share, kind }) => {
        const x = from;
        const width = Math.max(0, Math.min(100 - x, share * 100));
        from += width;
        return <rect key={kind} class={`meter-${kind}`} x={x} y="0" width={width} height="10" />;
      })}
    </svg>
  );
}

/** Shares of a whole, one bar each. */
export function Shares({ of, label }: { of: { name: string; share: number; text: string }[]; label: string }) {
  return (
    <ul class="shares" aria-label={label}>
      {of.map((one) => (
        <li key={one.name}>
          <span>{one.name}</span>
          <b>{one.text}</b>
          <Meter parts={[{ share: one.share, kind: "fill" }]} label={`${one.name}: ${one.text}`} />
        </li>
      ))}
    </ul>
  );
}

const TALL = 180;
const LEFT = 64;
const BOTTOM = 24;
const TOP = 10;

interface Bar {
  /** Written beneath, where there is room. */
  name: string;
  value: number;
  /** Said of it in words. */
  text: string;
}

/** Values over time. */
export function Bars({ bars, label, written }: { bars: Bar[]; label: string; written: (value: number) => string }) {
  const [box, width] = useWidth();
  const most = niceAbove(Math.max(0, ...bars.map((one) => one.value)));
  const room = Math.max(0, width - LEFT);
  const step = bars.length ? room / bars.length : 0;
  const thick = Math.max(1, Math.min(48, step * 0.72));
  const high = TALL - TOP - BOTTOM;
  const y = (value: number) => TOP + high * (1 - (most ? value / most : 0));
  const named = Math.max(1, Math.ceil(bars.length / Math.max(1, Math.floor(room / 58))));
  return (
    <div class="chart" ref={box}>
      {width > 0 && (
        <svg role="img" aria-label={label} width={width} height={TALL}>
          {[0, 0.5, 1].map((share) => (
            <g key={share}>
              <line class="grid" x1={LEFT} x2={width} y1={y(most * share)} y2={y(most * share)} />
              <text class="axis" x={LEFT - 8} y={y(most * share) + 4} text-anchor="end">
                {written(most * share)}
              </text>
            </g>
          ))}
          {bars.map((one, at) => {
            const x = LEFT + step * at + (step - thick) / 2;
            return (
              <g key={one.name}>
                <rect class="bar" x={x} y={y(one.value)} width={thick} height={Math.max(0, y(0) - y(one.value))} rx="2">
                  <title>{one.text}</title>
                </rect>
                {at % named === 0 && (
                  <text class="axis" x={x + thick / 2} y={TALL - 6} text-anchor="middle">
                    {one.name}
                  </text>
                )}
              </g>
            );
          })}
        </svg>
      )}
    </div>
  );
}

export interface Interval {
  value: number | null;
  low: number | null;
  high: number | null;
  /** The effect that matters, or the margin, with its sign; drawn dashed. */
  limits: number[];
  better: "increase" | "decrease";
}

/** Whether an interval lies wholly on one side of nothing, and on which. */
export function sideOf({ low, high, better }: Interval): "good" | "bad" | "open" {
  const up = low !== null && low > 0;
  const down = high !== null && high < 0;
  if (!up && !down) return "open";
  return up === (better === "increase") ? "good" : "bad";
}

/** One effect with its interval, around the line of no difference. */
export function IntervalPicture({ of, label }: { of: Interval; label: string }) {
  const ends = [of.value, of.low, of.high, ...of.limits].filter((one): one is number => one !== null);
  const most = Math.max(1e-12, ...ends.map(Math.abs)) * 1.12;
  const x = (value: number) => 50 + (value / most) * 48;
  const from = of.low === null ? 1 : x(of.low);
  const to = of.high === null ? 99 : x(of.high);
  return (
    <svg class={`interval ${sideOf(of)}`} role="img" aria-label={label} viewBox="0 0 100 16" preserveAspectRatio="none">
      <line class="zero" x1="50" x2="50" y1="0" y2="16" />
      {of.limits.map((one) => (
        <line key={one} class="limit" x1={x(one)} x2={x(one)} y1="1" y2="15" />
      ))}
      {of.value !== null && (
        <>
          <rect class="range" x={from} y="5" width={Math.max(0.6, to - from)} height="6" rx="1" />
          <rect class="point" x={x(of.value) - 0.7} y="2" width="1.4" height="12" />
        </>
      )}
    </svg>
  );
}

export interface DayPoint {
  day: string;
  value: number | null;
  low: number | null;
  high: number | null;
}

/** What was known of an effect by each day: a band, and the estimate in it. */
export function Days({ points, limits, label, written }: { points: DayPoint[]; limits: number[]; label: string; written: (value: number) => string }) {
  const [box, width] = useWidth();
  const known = points.filter((one): one is DayPoint & { value: number; low: number; high: number } =>
    one.value !== null && one.low !== null && one.high !== null,
  );
  // The first days say almost nothing: their bands may leave the picture, or all the rest is flat.
  const widths = known.slice(Math.floor(known.length / 4)).flatMap((one) => [Math.abs(one.low), Math.abs(one.high)]);
  const most = niceAbove(Math.max(1e-9, ...limits.map(Math.abs), ...widths));
  const high = TALL - TOP - BOTTOM;
  const y = (value: number) => TOP + high * (0.5 - Math.max(-1, Math.min(1, value / most)) / 2);
  const x = (at: number) => LEFT + (known.length > 1 ? ((width - LEFT - 8) * at) / (known.length - 1) : (width - LEFT) / 2);
  const above = known.map((one, at) => `${x(at)},${y(one.high)}`);
  const below = known.map((one, at) => `${x(at)},${y(one.low)}`).reverse();
  const first = known[0];
  const last = known.at(-1);
  return (
    <div class="chart" ref={box}>
      {width > 0 && known.length > 0 && (
        <svg role="img" aria-label={label} width={width} height={TALL}>
          {[-most, 0, most].map((value) => (
            <g key={value}>
              <line class={value === 0 ? "zero" : "grid"} x1={LEFT} x2={width} y1={y(value)} y2={y(value)} />
              <text class="axis" x={LEFT - 8} y={y(value) + 4} text-anchor="end">
                {written(value)}
              </text>
            </g>
          ))}
          <polygon class="band" points={[...above, ...below].join(" ")} />
          <polyline class="estimate" points={known.map((one, at) => `${x(at)},${y(one.value)}`).join(" ")} />
          {limits.map((one) => (
            <line key={one} class="limit" x1={LEFT} x2={width} y1={y(one)} y2={y(one)} />
          ))}
          {first && (
            <text class="axis" x={LEFT} y={TALL - 6}>
              {first.day}
            </text>
          )}
          {last && last !== first && (
            <text class="axis" x={width - 4} y={TALL - 6} text-anchor="end">
              {last.day}
            </text>
          )}
        </svg>
      )}
    </div>
  );
}

/** The next round number above a value, so that axes are readable. */
export function niceAbove(value: number): number {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= value * 0.999999) ?? 10;
  return step * power;
}
