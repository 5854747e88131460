import Compose

/// What the client knows of the load balancer that the loader adds to a project (`x-bulkhead: {expose: …}`).
enum Balancer {
  static let service = "bulkhead-balancer"
  /// The image that is made here, of Debian's packages, unless the files name another one.
  static let image = "bulkhead/haproxy:bookworm"
  /// HAProxy's runtime interface, which its own container alone reaches.
  static let controlPort = 9_999

  /// HAProxy's backend of a service's exposed port, as the loader names it.
  static func backend(_ service: ComposeService) -> String? {
    service.balancer.map { "\(service.name)_\($0.port)" }
  }
}

extension Engine {
  /// Makes the balancer's image, once.
  func makeBalancerImage(_ view: PlanView) throws(ClientError) {
    guard try findImage(Balancer.image) == nil else { return }
    let title = "Image \(Balancer.image)"
    view.show(title, "Making")
    let wish: JSONValue = ["image": "debian:bookworm", "include": ["haproxy"], "tag": .string(Balancer.image)]
    let response = try open(.post, "/bulkhead/v1/images/bootstrap", json: wish)
    try eachDocument(of: response) { document throws(ClientError) in
      if let message = document["error"].string {
        view.show(title, "Error", isFailed: true)
        throw ClientError("cannot make the load balancer's image: \(message)")
      }
    }
    view.show(title, "Made", isDone: true)
  }
}
