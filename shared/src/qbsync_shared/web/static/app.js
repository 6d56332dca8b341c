/* What the pages do beyond links and forms. Everything works without it; here it gets quicker. No framework, no inline code. */
(() => {
  "use strict";

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const csrf = () => document.querySelector('meta[name="csrf"]')?.content ?? "";
  const number = new Intl.NumberFormat("en-US");

  /* --- Boxes: one that checks all, ranges with Shift, counts and sums in words and buttons --- */

  const isRowBox = (box) => box.matches?.('tbody .cell-pick input[type="checkbox"]');
  const boxesOf = (head) => all('tbody .cell-pick input[type="checkbox"]:not(:disabled)', head.closest("table"));
  const inForm = (id) => all(`.cell-pick input[type="checkbox"][name]`).filter((box) => box.form?.id === id);
  const inGroup = (boxes, group) => (group === undefined ? boxes : boxes.filter((box) => box.dataset.group === group));

  // Amounts are added as whole hundredths: no binary fractions near money.
  const cents = (text) => {
    const [, sign, whole, part = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text ?? "") ?? ["", "", "0"];
    return BigInt(`${sign}${whole}${part.padEnd(2, "0").slice(0, 2)}`);
  };
  const dollars = (value) => {
    const digits = (value < 0n ? -value : value).toString().padStart(3, "0");
    return `${value < 0n ? "-" : ""}$${number.format(BigInt(digits.slice(0, -2)))}.${digits.slice(-2)}`;
  };

  const write = (element, text) => {
    if (element.firstChild?.nodeType === Node.TEXT_NODE) element.firstChild.data = text;
    else element.prepend(text);
  };

  function recount() {
    for (const head of all("input[data-check-all]")) {
      const boxes = boxesOf(head);
      const checked = boxes.filter((box) => box.checked).length;
      head.checked = checked > 0 && checked === boxes.length;
      head.indeterminate = checked > 0 && checked < boxes.length;
    }
    for (const element of all("[data-checked], [data-unchecked], [data-summed]")) {
      const { checked, unchecked, summed } = element.dataset;
      const boxes = inGroup(inForm(checked ?? unchecked ?? summed), element.dataset.in);
      const chosen = boxes.filter((box) => box.checked);
      if (summed !== undefined) write(element, dollars(chosen.reduce((sum, box) => sum + cents(box.dataset.sum), 0n)));
      else write(element, number.format(checked !== undefined ? chosen.length : boxes.length - chosen.length));
    }
  }

  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!isRowBox(box)) return;
    const boxes = inForm(box.form?.id);
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)];
    // by place in the page, as numbers, so that a range over rows 9 and 10 is a range
    if (event.shiftKey && from >= 0) {
      for (const between of boxes.slice(Math.min(from, to), Math.max(from, to) + 1)) {
        if (!between.disabled) between.checked = box.checked;
      }
    }
    last = box;
  });

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches("input[data-check-all]")) for (const row of boxesOf(box)) row.checked = box.checked;
    if (box.type === "checkbox") recount();
    if (box.matches(".theme input")) keepTheme(box.value);
    if (box.id === "use-shortcuts") localStorage.setItem("qbsync.shortcuts", box.checked ? "on" : "off");
  });

  /* --- Colours --- */

  function keepTheme(theme) {
    const root = document.documentElement;
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    fetch("/session/theme", { method: "POST", body: new URLSearchParams({ theme }), headers: { "X-CSRF-Token": csrf() } }).catch(() => {});
  }

  /* --- Keyboard: single keys, never while somebody types, and they can be switched off --- */

  const rows = () => all(".table > tbody > tr:not(.row-note, .row-detail)").filter((row) => row.querySelector("a, button, input"));
  const rowOf = (element) => element?.closest?.(".table > tbody > tr");
  const handle = (row) => row?.querySelector(".cell-pick input:not(:disabled), a, button, summary");

  function step(by) {
    const list = rows();
    const here = list.indexOf(rowOf(document.activeElement));
    const next = list[here < 0 ? (by > 0 ? 0 : list.length - 1) : here + by];
    handle(next)?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    x: (event) => rowOf(document.activeElement)?.querySelector(".cell-pick input:not(:disabled)")?.dispatchEvent(
      new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: event.shiftKey })),
    e: () => {
      const details = rowOf(document.activeElement)?.querySelector(".disclose");
      if (details) details.open = !details.open;
    },
    "/": () => document.querySelector("[data-find]")?.focus(),
    "?": () => document.getElementById("shortcuts")?.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.matches?.("select, textarea, [contenteditable], input:not([type=checkbox], [type=radio])")) return;
    if (document.querySelector("dialog[open], [popover]:popover-open") || localStorage.getItem("qbsync.shortcuts") === "off") return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : ""];
    if (!act) return;
    event.preventDefault();
    act(event);
  });

  /* --- Dialogs, toasts, copying --- */

  // A dialog that the server rendered open, fetched into this page: a real modal gives the focus back to its cause.
  function ask() {
    const dialog = document.querySelector("#asked > dialog[data-ask]");
    if (!dialog || dialog.matches(":modal")) return;
    dialog.removeAttribute("open");
    dialog.showModal();
    dialog.addEventListener("close", () => dialog.remove(), { once: true });
  }

  async function copy(button) {
    const word = button.querySelector("span") ?? button;
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      word.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      word.textContent = "Selected, press Ctrl+C";
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy], [data-dismiss], [data-closes-dialog], [commandfor]");
    if (!button) return;
    if (button.dataset.copy) copy(button);
    if (button.dataset.dismiss !== undefined) button.closest(".toast").remove();
    if (button.dataset.closesDialog !== undefined) {
      const dialog = button.closest("dialog");
      if (dialog?.matches(":modal")) {
        event.preventDefault();
        dialog.close();
      }
    }
    // browsers that do not know commandfor yet
    if (button.hasAttribute("commandfor") && !("commandForElement" in HTMLButtonElement.prototype)) {
      const dialog = document.getElementById(button.getAttribute("commandfor"));
      if (button.getAttribute("command") === "show-modal") dialog?.showModal();
      if (button.getAttribute("command") === "close") dialog?.close();
    }
  });

  document.addEventListener("animationend", (event) => {
    if (event.target.matches?.(".toast__hold")) event.target.closest(".toast").remove();
  });

  /* --- htmx: the token against forged requests, counts in the title, errors where everybody sees them --- */

  document.addEventListener("htmx:config:request", (event) => {
    const request = event.detail.ctx.request;
    if (request.method !== "GET") request.headers["X-CSRF-Token"] = csrf();
  });

  function retitle() {
    const waiting = Number(document.querySelector("#nav-links [data-waiting]")?.dataset.waiting ?? 0);
    const plain = document.title.replace(/^\(\d+\) /, "");
    document.title = waiting ? `(${waiting}) ${plain}` : plain;
    for (const element of all('[data-live="waiting"]')) element.textContent = number.format(waiting);
  }

  // an old error goes when somebody does something, not when the page looks for news by itself
  document.addEventListener("htmx:before:request", (event) => {
    if (event.target.closest?.("#main, dialog, .toasts")) document.getElementById("errors")?.replaceChildren();
  });
  document.addEventListener("htmx:after:swap", () => {
    recount();
    retitle();
    ask();
  });
  // a fetch that ends because somebody goes to another page is no trouble
  let leaving = false;
  addEventListener("beforeunload", () => {
    leaving = true;
    setTimeout(() => (leaving = false), 5000); // a download leaves nothing
  });
  document.addEventListener("htmx:error", () => {
    if (leaving) return;
    const words = document.getElementById("unreachable");
    if (words) document.getElementById("errors").replaceChildren(words.content.cloneNode(true));
  });

  const shortcuts = document.getElementById("use-shortcuts");
  if (shortcuts) shortcuts.checked = localStorage.getItem("qbsync.shortcuts") !== "off";
  document.querySelector("[data-focus]")?.focus();
  recount();
  addEventListener("pageshow", recount);
})();
