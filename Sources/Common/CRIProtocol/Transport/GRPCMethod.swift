import SwiftProtobuf

/// A method by its path, with the types that it takes and answers.
package struct GRPCMethod<Request: Message, Response: Message>: Sendable {
  /// `/package.Service/Method`
  package let path: String

  init(_ path: String) { self.path = path }

  /// The last part of the path.
  package var name: String { String(path.split(separator: "/").last ?? "") }
}

/// A method that answers with any number of messages.
package struct GRPCStreamingMethod<Request: Message, Response: Message>: Sendable {
  package let path: String

  init(_ path: String) { self.path = path }
}

/// Bounds of both ends. Every one of them is also what the other end is told, where HTTP/2 has a setting for it.
package struct GRPCLimits: Sendable {
  /// A message's serialised bytes.
  package var maxMessageBytes = 16 << 20
  /// Calls under way at a time on one connection.
  package var maxConcurrentStreams = 100
  /// Bytes of all headers of a call.
  package var maxHeaderBytes = 16 << 10
  /// Connections at a time that a server takes.
  package var maxConnections = 64
  /// Bytes under way on a call before the reader has taken them.
  package var windowBytes = 1 << 20
  /// Messages that wait for their reader on a streaming call.
  package var maxWaitingMessages = 16

  package init() {}
}
