/** The public surface: a client, its subscriptions and errors, and the contract's messages. */
export { type Client, connect, type Options } from "./client.js";
export { SightlineError } from "./errors.js";
export * from "./gen/sightline/v1/event_pb.js";
export * from "./gen/sightline/v1/session_pb.js";
export * from "./gen/sightline/v1/session_service_pb.js";
export type { Item } from "./progress.js";
export type { SubscribeOptions, Subscription } from "./subscription.js";
