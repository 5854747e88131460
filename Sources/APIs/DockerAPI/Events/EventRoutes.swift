import ContainerEngine
import HTTPServing
import LinuxSystem
import Model

/// The stream of events.
enum EventRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.GET, "/events", events)
  }

  static func events(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let filter = try EventFilter(try request.filters())
    return try stream(request, context.engine) { filter.includes($0) ? $0 : nil }
  }

  /// - Parameter shown: what of an event is sent; nil where nothing is.
  static func stream(
    _ request: DockerRequest, _ engine: Engine, _ shown: @escaping @Sendable (EngineEvent) -> EngineEvent?
  ) throws -> HTTPResponse {
    let now = Int64(Clock.realTimeNanoseconds())
    let since = try request.moment("since", now: now)
    let until = try request.moment("until", now: now)
    if let since, let until, since > until {
      throw PlatformError(.invalidArgument, "`since` time cannot be after `until` time")
    }
    let headers: HTTPHeaders = ["Content-Type": "application/json"]
    if let until, until <= now {
      let past = engine.events.history(since: since, until: until).compactMap(shown)
      // In chunks though its length is known: clients read events from streams only.
      return HTTPResponse(headers: headers, body: .stream { try await $0.write(past.flatMap(encode)) })
    }
    // Subscribed before the head goes out: what the client does once it has read that is not missed.
    let subscription = engine.events.subscribe(since: since)
    return HTTPResponse(
      headers: headers,
      body: .stream { writer in
        defer { subscription.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
          if let until {
            group.addTask {
              let left = until.clampedSubtracting(Int64(Clock.realTimeNanoseconds()))
              try await Task.sleep(for: .nanoseconds(max(0, left)))
              subscription.cancel()
            }
          }
          defer { group.cancelAll() }
          while let event = await subscription.next() {
            if let until, event.time > until { return }
            if let event = shown(event) { try await writer.write(encode(event)) }
          }
        }
      })
  }

  static func encode(_ event: EngineEvent) -> [UInt8] {
    JSONWriter.object { writer in
      // Fields of the time before `Type` and `Actor`, for the kinds that existed then.
      if event.kind == .container || event.kind == .image {
        writer.field("status", event.action)
        writer.field("id", event.actorID)
      }
      if event.kind == .container, let image = event.attributes["image"] { writer.field("from", image) }
      writer.field("Type", event.kind.rawValue)
      writer.field("Action", event.action)
      writer.object("Actor") { writer in
        writer.field("ID", event.actorID)
        writer.field("Attributes", event.attributes)
      }
      writer.field("scope", "local")
      writer.field("time", event.time / 1_000_000_000)
      writer.field("timeNano", event.time)
    } + [UInt8(ascii: "\n")]
  }
}
