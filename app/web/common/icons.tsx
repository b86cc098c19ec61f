/** Line icons on a grid of 24, in the colour of the text around them. */

const PATHS = {
  alert: "M12 8v5m0 3.2v.1M10.3 4.4 2.9 17.2A2 2 0 0 0 4.6 20h14.8a2 2 0 0 0 1.7-2.8L13.7 4.4a2 2 0 0 0-3.4 0Z",
  bell: "M6 10a6 6 0 1 1 12 0c0 4 1.5 5.5 2 6H4c.5-.5 2-2 2-6m4 9a2 2 0 0 0 4 0",
  check: "m5 12.5 4.5 4.5L19 7.5",
  clock: "M12 7v5l3 2m6-2a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
  close: "m6 6 12 12M18 6 6 18",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  device: "M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1Zm3 15h2",
  down: "m6 10 6 6 6-6",
  download: "M12 4v11m-5-4.5 5 5 5-5M5 20h14",
  edit: "m14.5 5.5 4 4L8 20H4v-4zM12.5 7.5l4 4",
  flag: "M5 21V4h12l-2.5 4L17 12H5",
  globe: "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0ZM3.5 12h17M12 3c2.5 2.6 3.5 5.5 3.5 9s-1 6.4-3.5 9c-2.5-2.6-3.5-5.5-3.5-9S9.5 5.6 12 3Z",
  info: "M12 11v5.5m0-9v.1M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  offline: "m4 4 16 16M2.5 9.5a14 14 0 0 1 4-2.6M21.5 9.5A14 14 0 0 0 11 5.7M6 13a9 9 0 0 1 4-2.2m8 2.2a9 9 0 0 0-2-1.4M12 18.5v.1",
  person: "M16 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0ZM4.5 20.5a7.5 7.5 0 0 1 15 0",
  phone: "M6 3.5h3l1.5 4.5-2 1.5a12 12 0 0 0 6 6l1.5-2 4.5 1.5v3a2 2 0 0 1-2.2 2A17 17 0 0 1 4 5.7a2 2 0 0 1 2-2.2Z",
  print: "M7 9V4h10v5M7 17H4v-6a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v6h-3m-10-3h10v6H7z",
  restart: "M4.5 12a7.5 7.5 0 1 0 2.5-5.6M4.5 4v4h4",
  send: "M12 19V6m-6 6 6-6 6 6",
  stop: "M8 7h8a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1Z",
  talk: "M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2Z",
  trash: "M4.5 7h15M10 7V4.5h4V7m3.5 0-.8 12a1.5 1.5 0 0 1-1.5 1.4H8.8A1.5 1.5 0 0 1 7.3 19L6.5 7",
} as const;

export type IconName = keyof typeof PATHS;

/** An icon that says nothing by itself: the label stands beside it, or on its button. */
export function Icon({ name, class: kind }: { name: IconName; class?: string }) {
  return (
    <svg class={kind ? `icon ${kind}` : "icon"} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
