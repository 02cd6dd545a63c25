/** Specs of the commands about the client's own connection. */
import { specsOf } from "./command_spec.ts";

export const CONNECTION_SPECS = specsOf("connection", [
  {
    usage: "PING [message]",
    summary: "Answers PONG, or the message",
    since: "1.0.0",
    arity: -1,
    flags: ["fast"],
    routing: "local",
  },
  {
    usage: "ECHO message",
    summary: "Returns the message",
    since: "1.0.0",
    arity: 2,
    flags: ["loading", "stale", "fast"],
    routing: "local",
  },
  {
    usage: "QUIT",
    summary: "Closes the connection",
    since: "1.0.0",
    arity: -1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    routing: "local",
  },
  {
    usage: "HELLO [protover [AUTH username password] [SETNAME clientname]]",
    summary: "Chooses the version of RESP and tells about the server",
    since: "6.0.0",
    arity: -1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    routing: "local",
  },
  {
    usage: "SELECT index",
    summary: "Selects the database; there is only 0",
    since: "1.0.0",
    arity: 2,
    flags: ["loading", "stale", "fast"],
    routing: "local",
  },
  {
    usage: "CLIENT subcommand [argument ...]",
    summary: "Tells about the client connections",
    since: "2.4.0",
    arity: -2,
    flags: [],
    routing: "local",
    subcommands: [
      { usage: "ID", summary: "Returns the number of this connection", arity: 2 },
      { usage: "SETNAME connection-name", summary: "Names this connection", arity: 3 },
      { usage: "GETNAME", summary: "Returns the name of this connection", arity: 2 },
      {
        usage: "SETINFO LIB-NAME libname | LIB-VER libver",
        summary: "Says which library this client uses",
        arity: 4,
      },
      { usage: "INFO", summary: "Describes this connection", arity: 2 },
      { usage: "LIST", summary: "Describes every connection, one a line", arity: 2 },
    ],
  },
]);
