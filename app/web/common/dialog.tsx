/** A modal dialog: the browser's own, which keeps the focus inside and gives it back. */

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import { Icon } from "./icons.tsx";

interface DialogProps {
  title: string;
  /** What the button that closes it is called. */
  closing: string;
  onClose: () => void;
  class?: string;
  children: ComponentChildren;
}

/** Shown as long as it is drawn; `onClose` hears of Escape, the cross and the veil behind it. */
export function Dialog({ title, closing, onClose, class: kind, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const name = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={kind}
      aria-labelledby={name}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <div class="sheet">
        <div class="sheet-head">
          <h2 id={name}>{title}</h2>
          <button type="button" class="round" aria-label={closing} onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </div>
        {children}
      </div>
    </dialog>
  );
}
