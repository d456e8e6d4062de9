// Run by JupyterLab and Notebook 7 as an output of a cell: presses Enter in the cell's input box, which the kernel needs
// no more. Only the front end can close its box, and it runs no cell before that. `element` is the node of the output.
for (const box of element.closest?.(".jp-OutputArea")?.querySelectorAll("input.jp-Stdin-input") ?? []) {
  box.value = ""; // what the user has begun to type is of no use
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
}
