import HTTPServing
import KubeMachinery
import PodStreams

extension ResourceCall {
  /// Answers up to this many bytes count as nothing.
  private static let smallBytes = 256 << 10

  /// A list. Its objects are read in pages of so many bytes: where a client wants all of them and they are more, they are sent as
  /// they are read, all of one revision; where it wants pages of a number, a page may have fewer.
  ///
  /// Throws `StatusError`.
  func list() async throws -> HTTPResponse {
    var options = try ListOptions(request.query, kind: kind)
    options.byteLimit = api.bounds.pageBytes
    let first = try await api.service.list(kind, in: address.namespace, options)
    guard options.limit == nil, !first.continueToken.isEmpty else { return try whole(first) }
    let place = try listPlace(2 * api.bounds.pageBytes)
    // So that what cannot be written is refused before anything is sent.
    var encoder = ObjectEncoder(capacity: answer.capacity(for: first.objects))
    try answer.begin(["resourceVersion": .string(String(first.revision))], &encoder)
    try answer.add(first.objects, isFirst: true, &encoder)
    let begun = encoder.bytes
    return HTTPResponse(
      headers: ["Content-Type": answer.negotiation.contentType],
      body: .stream { [options] writer in try await send(begun, first, options, to: writer) }
    ).holding(place)
  }

  private func send(
    _ begun: [UInt8], _ first: ObjectService.Listing, _ options: ListOptions, to writer: StreamWriter
  ) async throws {
    let patience = api.bounds.listWriteMilliseconds
    try await writer.write(begun, withinMilliseconds: patience)
    var options = options
    options.resourceVersion = nil
    options.match = nil
    var token = first.continueToken
    while !token.isEmpty {
      options.continueToken = ContinueToken(revision: first.revision, after: try ContinueToken(parsing: token).after)
      // A revision that is compacted meanwhile ends the connection: the client sees that the list is not whole.
      let page = try await api.service.list(kind, in: address.namespace, options)
      var encoder = ObjectEncoder(capacity: answer.capacity(for: page.objects))
      try answer.add(page.objects, isFirst: false, &encoder)
      try await writer.write(encoder.bytes, withinMilliseconds: patience)
      token = page.continueToken
    }
    try await writer.write(ObjectAnswer.listEnd, withinMilliseconds: patience)
  }

  private func whole(_ listing: ObjectService.Listing) throws -> HTTPResponse {
    let bytes = try answer.bytes(listing)
    let contentType = answer.negotiation.contentType
    guard bytes.count > Self.smallBytes else { return Answers.json(bytes, contentType: contentType) }
    let place = try listPlace(2 * bytes.count)
    let patience = api.bounds.listWriteMilliseconds
    return HTTPResponse(
      headers: ["Content-Type": contentType, "Content-Length": String(bytes.count)],
      body: .stream { writer in try await writer.write(bytes, withinMilliseconds: patience) }
    ).holding(place)
  }

  /// A share of what all lists under way may hold. Throws `StatusError` (429).
  private func listPlace(_ bytes: Int) throws -> FairBound.Place {
    guard let place = api.lists.take(requester.name, weight: bytes) else { throw StatusError.tooManyRequests }
    return place
  }

  /// A share for what a watch tells first; nil where that is little. Throws `StatusError` (429).
  func initialPlace(_ watch: ObjectWatch) throws -> FairBound.Place? {
    let bytes = watch.isTellingInitial ? 2 * (watch.hasMoreInitial ? api.bounds.pageBytes : watch.initialBytes) : 0
    return bytes > Self.smallBytes ? try listPlace(bytes) : nil
  }

  /// A share for changes that a watch tells; nil where that is little. Throws `StatusError` (429).
  func share(_ bytes: Int) throws -> FairBound.Place? { bytes > Self.smallBytes ? try listPlace(2 * bytes) : nil }
}
