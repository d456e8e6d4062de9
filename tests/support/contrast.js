// Returns the text with the least contrast against what is behind it (WCAG 2.2, 1.4.3), and its ratio. What is disabled
// does not count there.
(root) => {
  const parsed = (text) => {
    const [red, green, blue, alpha = 1] = text.match(/[\d.]+/g).map(Number);
    return { rgb: [red, green, blue], alpha };
  };
  const over = (front, alpha, back) => front.map((value, at) => value * alpha + back[at] * (1 - alpha));
  const linear = (value) => (value <= 10.31 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const ancestors = (element) => (element ? [...ancestors(element.parentElement), element] : []);

  // From the outermost in: what is behind the text, and the text on it, faded as its ancestors are.
  function colours(element) {
    let back = [255, 255, 255];
    let opacity = 1;
    for (const each of ancestors(element)) {
      const style = getComputedStyle(each);
      const { rgb, alpha } = parsed(style.backgroundColor);
      opacity *= Number(style.opacity);
      back = over(rgb, alpha * opacity, back);
    }
    const { rgb, alpha } = parsed(getComputedStyle(element).color);
    return [over(rgb, alpha * opacity, back), back];
  }

  const own = (element) => [...element.childNodes].filter((node) => node.nodeType === 3 && node.data.trim());
  const found = [...root.querySelectorAll("*")]
    .filter((element) => own(element).length && element.getClientRects().length)
    .filter((element) => !element.closest(":disabled, [aria-disabled=true]"))
    .map((element) => {
      const [light, dark] = colours(element).map(luminance).sort((a, b) => b - a);
      return { ratio: (light + 0.05) / (dark + 0.05), text: own(element)[0].data.trim() };
    });
  return found.sort((a, b) => a.ratio - b.ratio)[0];
};
