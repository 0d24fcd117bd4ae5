/**
 * Rooms of WebSockets with typed events and presence, over the topics of `@armature/core`.
 *
 * @packageDocumentation
 */
export { Client } from './client.js'
export type { EventMap, Issue, RoomEvents, Schemas } from './events.js'
export { type EventHandlers, type RoomHandlers, Rooms, type RoomsOptions } from './rooms.js'
export type { StandardIssue, StandardResult, StandardSchema } from './standard-schema.js'
