"use strict";
// The server draws every page; this only loads it again when the order has changed, counts down, and
// saves the payer inside a wallet a click.
const main = document.querySelector("main");
const again = () => location.replace(location.pathname + location.search);

if (main.dataset.watch) {
  const source = new EventSource(main.dataset.watch);
  source.onmessage = (event) => {
    if (event.data !== main.dataset.version) { source.close(); again(); }
  };
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(again, 5000); };
  addEventListener("pageshow", (event) => { if (event.persisted) again(); });
}

const clock = document.querySelector("[data-left-s]");
if (clock) {
  const end = Date.now() + 1000 * clock.dataset.leftS;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  };
  tick();
  setInterval(tick, 1000);
}

const follow = document.querySelector("[data-auto]");
if (follow && sessionStorage.getItem(follow.dataset.auto) === null) {
  sessionStorage.setItem(follow.dataset.auto, "done");  // once: who comes back chooses again
  if (follow.tagName === "FORM") follow.requestSubmit(); else follow.click();
}

const call = document.querySelector("[data-wechat]");
if (call) {
  call.addEventListener("click", () => {
    const bridge = window.WeixinJSBridge;
    if (bridge) bridge.invoke("getBrandWCPayRequest", JSON.parse(call.dataset.wechat), again);
  });
}
