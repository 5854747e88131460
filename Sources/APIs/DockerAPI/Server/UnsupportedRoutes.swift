import HTTPServing
import Model

/// Parts of docker's API that this engine does not have. Each answers 501 and says what is missing.
enum UnsupportedRoutes {
  private static let features: [(methods: [HTTPMethod], patterns: [String], feature: String)] = [
    (
      [.POST], ["/session", "/grpc"],
      "BuildKit sessions are not supported by this engine: build with DOCKER_BUILDKIT=0, or with bulkhead build"
    ),
    (
      [.GET, .POST, .DELETE],
      [
        "/swarm", "/swarm/{rest…}", "/nodes", "/nodes/{rest…}", "/services", "/services/{rest…}", "/tasks",
        "/tasks/{rest…}",
      ],
      "swarm is not supported by this engine"
    ),
    (
      [.GET, .POST, .DELETE], ["/secrets", "/secrets/{rest…}", "/configs", "/configs/{rest…}"],
      "secrets and configs of a swarm are not supported by this engine"
    ),
    ([.GET, .POST, .DELETE], ["/plugins/{rest…}"], "plugins are not supported by this engine"),
    (
      [.GET, .POST, .DELETE], ["/containers/{id}/checkpoints", "/containers/{id}/checkpoints/{rest…}"],
      "checkpoints are not supported by this engine"
    ),
    ([.GET], ["/containers/{id}/attach/ws"], "attaching by WebSocket is not supported by this engine; use attach"),
    ([.PUT], ["/volumes/{name}"], "changing cluster volumes is not supported by this engine"),
  ]

  static func add(to routes: inout Routes) {
    for (methods, patterns, feature) in features {
      for method in methods {
        for pattern in patterns {
          routes.on(method, pattern) { _, _ in throw PlatformError(.notImplemented, feature) }
        }
      }
    }
  }
}
