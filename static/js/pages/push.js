/** Asks this browser to be notified and gives its subscription to the form. */

const form = document.querySelector("form[data-push-key]");
const says = document.getElementById("push-says");
const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

function raw(text) {
  const padded = text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "=");
  return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
}

function bare(buffer) {
  const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

async function subscription() {
  if ((await Notification.requestPermission()) !== "granted") {
    throw new Error("This browser does not let Pulse notify you. Allow it in the site's settings, then try again.");
  }
  const registered = await navigator.serviceWorker.register(form.dataset.pushWorker);
  const options = { userVisibleOnly: true, applicationServerKey: raw(form.dataset.pushKey) };
  const kept = await registered.pushManager.getSubscription();
  return kept ?? registered.pushManager.subscribe(options);
}

async function ask() {
  const button = form.querySelector('button[type="submit"]');
  button.disabled = true;
  says.textContent = "Waiting for the browser.";
  try {
    const made = await subscription();
    form.elements.endpoint.value = made.endpoint;
    form.elements.p256dh.value = bare(made.getKey("p256dh"));
    form.elements.auth.value = bare(made.getKey("auth"));
    form.submit();
  } catch (error) {
    says.textContent = error.message;
    says.className = "error";
    button.disabled = false;
  }
}

if (form) {
  says.textContent = able
    ? "The browser asks whether Pulse may notify you."
    : "This browser cannot be notified, or the page is not served over https.";
  form.querySelector('button[type="submit"]').disabled = !able;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
}
