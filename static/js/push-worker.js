/** Shows the messages that a push service brings; a service worker, so no page need be open. */

self.addEventListener("push", (event) => {
  const note = event.data?.json() ?? { title: "Pulse", body: "", tag: "pulse", path: "/" };
  const options = { body: note.body, tag: note.tag, data: { path: note.path } };
  event.waitUntil(self.registration.showNotification(note.title, options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const address = new URL(event.notification.data.path, self.location.origin);
  if (address.origin === self.location.origin) event.waitUntil(self.clients.openWindow(address.href));
});
