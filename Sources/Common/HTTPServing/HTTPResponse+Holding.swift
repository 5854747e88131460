import LinuxSystem

extension HTTPResponse {
  /// Keeps a place until a stream, or a connection that was taken over, has ended.
  public func holding(_ place: FairBound.Place) -> HTTPResponse {
    var response = self
    switch body {
    case .stream(let write):
      response.body = .stream { writer in
        defer { withExtendedLifetime(place) {} }
        try await write(writer)
      }
    case .hijack(let take):
      response.body = .hijack { client in
        defer { withExtendedLifetime(place) {} }
        try await take(client)
      }
    case .empty, .bytes, .file: break
    }
    return response
  }
}
