"use strict";
// Elements: the few ways in which this page makes and changes them. Text is text, never markup.

/** The element with this id. */
function byId(id) {
  return document.getElementById(id);
}

/** A new element: element("b", {className: "x"}, "text", child, ...); null children are left out. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

/** Set an element's text; nothing is touched where it stands there already. */
function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Set a property such as hidden, className or title likewise. */
function setProperty(target, name, value) {
  if (target[name] !== value) target[name] = value;
}

/** Set an attribute likewise. */
function setAttribute(target, name, value) {
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

/** What a stranger chose, such as a file's name: kept from turning the text around it. */
function named(value, className = "name") {
  const text = visible(value);
  return element("bdi", { className, title: text.length > 40 ? text : "" }, text);
}

/** Make the children of parent exactly these, in this order; what stands right is not touched. */
function arrange(parent, children) {
  const focused = document.activeElement;
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
  // What moves loses the focus, and whoever works by keyboard his place.
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}
