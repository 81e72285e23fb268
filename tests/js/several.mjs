// Prints a line for each event of the Signaling of /static/hawkeye-signaling.js:
//
//   node --import ./webrtc.mjs several.mjs URL ...

import { Signaling } from "../../signaling_server/web/static/hawkeye-signaling.js";

const options = { name: "gcom", transports: ["websocket"] };
const tell = (event, data) => console.log(event, signaling.url, data?.peer_id ?? "");
const signaling = new Signaling(process.argv.slice(2), tell, options);
