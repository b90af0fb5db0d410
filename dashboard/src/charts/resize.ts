// Tells when a canvas has to be drawn anew: its room or the pixels of the screen are others.

export function onResize(element: HTMLElement, call: () => void): () => void {
  let width = element.clientWidth;
  let ratio = window.devicePixelRatio;
  const check = (): void => {
    const printing = document.documentElement.classList.contains("printing");
    if (printing || (element.clientWidth === width && window.devicePixelRatio === ratio)) return;
    [width, ratio] = [element.clientWidth, window.devicePixelRatio];
    call();
  };
  const observer = new ResizeObserver(check);
  observer.observe(element);
  // a window that is dragged to another screen keeps its size
  window.addEventListener("resize", check);
  let query = window.matchMedia(`(resolution: ${ratio}dppx)`);
  const moved = (): void => {
    check();
    query.removeEventListener("change", moved);
    query = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    query.addEventListener("change", moved);
  };
  query.addEventListener("change", moved);
  return () => {
    observer.disconnect();
    window.removeEventListener("resize", check);
    query.removeEventListener("change", moved);
  };
}
