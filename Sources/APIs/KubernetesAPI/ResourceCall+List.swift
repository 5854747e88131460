import HTTPServing
import KubeMachinery
import LinuxSystem

extension ResourceCall {
  /// Answers up to this many bytes count as nothing.
  private static let smallBytes = 256 << 10

  /// A list. Its objects are read in pages of so many bytes: where a client wants all of them and they are more, they are sent as
  /// they are read, all of one revision; where it wants pages of a number, a page may have fewer.
  ///
  /// With `deletion` the objects of a page are deleted before it is sent, as they were. What fails later than in the first page ends the
  /// connection, and so does a client that goes: some are deleted then, as with Kubernetes.
  ///
  /// Throws `StatusError`.
  func list(deleting deletion: DeleteOptions? = nil) async throws -> HTTPResponse {
    var options = try ListOptions(request.query, kind: kind)
    options.byteLimit = api.bounds.pageBytes
    let first = try await api.service.list(kind, in: address.namespace, options)
    guard options.limit == nil, !first.continueToken.isEmpty else {
      let response = try whole(first)
      try await delete(first, deletion)
      return response
    }
    let place = try listPlace(2 * api.bounds.pageBytes)
    // So that what cannot be written is refused before anything is deleted or sent.
    var encoder = ObjectEncoder(capacity: answer.capacity(for: first.objects))
    try answer.begin(["resourceVersion": .string(String(first.revision))], &encoder)
    try answer.add(first.objects, isFirst: true, &encoder)
    let begun = encoder.bytes
    try await delete(first, deletion)
    return HTTPResponse(
      headers: ["Content-Type": answer.negotiation.contentType],
      body: .stream { [options] writer in try await send(begun, first, options, deletion, to: writer) }
    ).holding(place)
  }

  private func delete(_ page: ObjectService.Listing, _ deletion: DeleteOptions?) async throws {
    guard let deletion else { return }
    try await api.service.delete(kind, shownBy: page, deletion, at: api.now())
    // Who deletes roles finds them gone.
    try await api.gate.access.reload(kind)
  }

  private func send(
    _ begun: [UInt8], _ first: ObjectService.Listing, _ options: ListOptions, _ deletion: DeleteOptions?,
    to writer: StreamWriter
  ) async throws {
    let patience = api.bounds.listWriteMilliseconds
    try await writer.write(begun, withinMilliseconds: patience)
    var options = options
    options.resourceVersion = nil
    options.match = nil
    var token = first.continueToken
    var revision: Int64? = first.revision
    while !token.isEmpty {
      options.continueToken = ContinueToken(revision: revision, after: try ContinueToken(parsing: token).after)
      let page: ObjectService.Listing
      do {
        page = try await api.service.list(kind, in: address.namespace, options)
      } catch let error as StatusError where error.code == 410 && deletion != nil && revision != nil {
        // Deletions are changes themselves: very many are more than history keeps. What is left goes as it is now.
        revision = nil
        continue
      }
      // Else a revision that is compacted meanwhile ends the connection: the client sees that the list is not whole.
      var encoder = ObjectEncoder(capacity: answer.capacity(for: page.objects))
      try answer.add(page.objects, isFirst: false, &encoder)
      try await delete(page, deletion)
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
