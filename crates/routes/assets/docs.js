// Everything that would leave our origin is off: fonts, proxy, telemetry, hosted clients, assistants.
Scalar.createApiReference("#docs", {
  url: "/openapi.json",
  withDefaultFonts: false,
  proxyUrl: "",
  telemetry: false,
  agent: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: "never",
  // A token that was tried out here is gone with the page.
  persistAuth: false,
});
