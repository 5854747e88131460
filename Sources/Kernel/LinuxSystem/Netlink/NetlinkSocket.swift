import Glibc

/// A netlink socket that sends requests in batches and collects their answers.
///
/// The kernel handles netlink requests inside `sendmsg`, so a batch costs one system call to send and one or two to
/// read its acknowledgements. The socket belongs to the network namespace of the thread that opened it and may then be
/// used from any thread; calls are serialised. Blocking. Source: netlink(7).
public final class NetlinkSocket: Sendable {
  private struct State {
    var sequence: UInt32
    var buffer: [UInt8]
  }

  private let descriptor: Descriptor
  private let state: Locked<State>
  /// By which the kernel names this socket among those of its namespace (`nl_pid`).
  public let port: UInt32

  /// Requests in one batch.
  public static let maximumBatch = 4_096
  /// Bytes of one datagram from the kernel; dumps are cut to fit the buffer offered.
  static let receiveBytes = 64 * 1_024
  /// Messages accepted in answer to one batch (a host's links, routes or set elements).
  static let maximumReplies = 1 << 20
  /// Seconds before a silent kernel is an error instead of a hang.
  static let timeoutSeconds = 10

  /// Opens a socket of a protocol (`Netlink.protocolRoute`, `Netlink.protocolNetfilter`) in the caller's namespace.
  public init(protocol number: Int32) throws {
    let kind = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue)
    descriptor = Descriptor(owning: try systemCall("socket", "netlink") { socket(AF_NETLINK, kind, number) })
    state = Locked(State(sequence: 1, buffer: [UInt8](repeating: 0, count: Self.receiveBytes)))
    port = try Self.bind(descriptor)
    // The request is not echoed in acknowledgements, and the kernel's own words for an error are.
    try set(level: 270, option: 10, to: 1)
    try set(level: 270, option: 11, to: 1)
    // Acknowledgements of a large batch wait in the receive buffer until they are read.
    try set(level: SOL_SOCKET, option: SO_RCVBUFFORCE, to: 8 << 20, optional: true)
    try set(level: SOL_SOCKET, option: SO_SNDBUFFORCE, to: 8 << 20, optional: true)
    var limit = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
    try systemCall("setsockopt", "netlink timeout") {
      setsockopt(descriptor.raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  /// Has the kernel choose a port, and returns it.
  private static func bind(_ descriptor: Descriptor) throws -> UInt32 {
    // struct sockaddr_nl: family, padding, port and groups.
    var address: [UInt8] = []
    address.append(native: UInt16(AF_NETLINK))
    address += [UInt8](repeating: 0, count: 10)
    var length = socklen_t(address.count)
    try address.withUnsafeMutableBytes { bytes in
      let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
      try systemCall("bind", "netlink") { Glibc.bind(descriptor.raw, pointer, length) }
      try systemCall("getsockname", "netlink") { getsockname(descriptor.raw, pointer, &length) }
    }
    return UInt32(native: address.dropFirst(4)) ?? 0
  }

  private func set(level: Int32, option: Int32, to value: Int32, optional: Bool = false) throws {
    var value = value
    let status = setsockopt(descriptor.raw, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    if status != 0 && !optional {
      throw SystemError(errno: errno, operation: "setsockopt", subject: "netlink option \(option)")
    }
  }

  /// What became of one request: the messages it was answered with and its error, if any.
  public struct Outcome: Sendable {
    public var replies: [NetlinkReply] = []
    /// An errno, 0 for success.
    public var errno: Int32 = 0
    /// The kernel's explanation, often empty.
    public var explanation = ""
    var finished = false
  }

  /// Sends requests together and returns what each was answered; a failed request does not stop the others.
  ///
  /// Dumps are sent one at a time, in their order: the kernel refuses the next (`EBUSY`) until the first was read to its end.
  /// - Parameter envelope: nfnetlink's begin and end messages, which make the batch a transaction.
  /// - Throws: `SystemError` where the socket itself fails or the whole transaction is refused.
  public func send(
    _ requests: [NetlinkRequest], envelope: (begin: NetlinkRequest, end: NetlinkRequest)? = nil
  ) throws -> [Outcome] {
    precondition(requests.count <= Self.maximumBatch, "netlink batch too large")
    guard !requests.isEmpty else { return [] }
    if requests.count > 1, envelope == nil, requests.contains(where: \.isDump) {
      return try requests.flatMap { try send([$0]) }
    }
    return try state.withLock { state in
      let total = UInt32(requests.count + 2)
      if state.sequence > UInt32.max - total { state.sequence = 1 }
      let first = state.sequence
      state.sequence += total
      var bytes: [UInt8] = []
      if let envelope { bytes += envelope.begin.encoded(sequence: first) }
      for (index, request) in requests.enumerated() {
        bytes += request.encoded(sequence: first + 1 + UInt32(index))
      }
      if let envelope { bytes += envelope.end.encoded(sequence: first + total - 1) }
      try transmit(bytes)
      return try collect(requests, first: first, buffer: &state.buffer)
    }
  }

  /// Sends requests and throws the first error, with `subject` naming what it was about.
  @discardableResult
  public func run(
    _ requests: [NetlinkRequest], envelope: (begin: NetlinkRequest, end: NetlinkRequest)? = nil, subject: String
  ) throws -> [[NetlinkReply]] {
    let outcomes = try send(requests, envelope: envelope)
    for (index, outcome) in outcomes.enumerated() where outcome.errno != 0 {
      let detail = outcome.explanation.isEmpty ? "" : " (\(outcome.explanation))"
      throw SystemError(
        errno: outcome.errno, operation: "netlink request \(requests[index].type)", subject: subject + detail)
    }
    return outcomes.map(\.replies)
  }

  private func transmit(_ bytes: [UInt8]) throws {
    let sent = try bytes.withUnsafeBytes { buffer in
      try systemCall("send", "netlink") { Glibc.send(descriptor.raw, buffer.baseAddress, buffer.count, 0) }
    }
    guard sent == bytes.count else { throw SystemError(errno: EMSGSIZE, operation: "send", subject: "netlink") }
  }

  private func collect(_ requests: [NetlinkRequest], first: UInt32, buffer: inout [UInt8]) throws -> [Outcome] {
    var outcomes = [Outcome](repeating: Outcome(), count: requests.count)
    var open = requests.count
    var replies = 0
    while open > 0 {
      let received = try buffer.withUnsafeMutableBytes { area in
        try systemCall("recv", "netlink") {
          recv(descriptor.raw, area.baseAddress, area.count, Int32(MSG_TRUNC))
        }
      }
      guard received > 0, received <= buffer.count else {
        throw SystemError(errno: EMSGSIZE, operation: "recv", subject: "netlink")
      }
      var rest = buffer[0..<received]
      while let message = NetlinkEnvelope(&rest) {
        // Answers to an earlier batch that failed half-way may still be queued.
        guard message.sequence >= first, message.sequence - first <= UInt32(requests.count) + 1 else { continue }
        let index = Int(message.sequence - first) - 1
        guard index >= 0, index < requests.count else {
          if message.errno != 0 {
            throw SystemError(errno: message.errno, operation: "netlink batch", subject: message.explanation)
          }
          continue
        }
        if message.isFinal {
          outcomes[index].errno = message.errno
          outcomes[index].explanation = message.explanation
          if !outcomes[index].finished { open -= 1 }
          outcomes[index].finished = true
        } else {
          replies += 1
          guard replies <= Self.maximumReplies else {
            throw SystemError(errno: E2BIG, operation: "recv", subject: "netlink dump")
          }
          outcomes[index].replies.append(NetlinkReply(type: message.type, payload: ArraySlice(Array(message.payload))))
        }
      }
    }
    return outcomes
  }
}

/// The outer header of one received message, with errors and ends of dumps decoded.
struct NetlinkEnvelope {
  let type: UInt16
  let sequence: UInt32
  /// The socket that asked; of a notification, the one whose request it tells of.
  let port: UInt32
  let payload: ArraySlice<UInt8>
  private let flags: UInt16

  /// Takes one message off the front; nil at the end or where the rest is malformed.
  init?(_ rest: inout ArraySlice<UInt8>) {
    guard let length = UInt32(native: rest), Int(length) >= Netlink.headerSize, Int(length) <= rest.count,
      let type = UInt16(native: rest.dropFirst(4)), let flags = UInt16(native: rest.dropFirst(6)),
      let sequence = UInt32(native: rest.dropFirst(8)), let port = UInt32(native: rest.dropFirst(12))
    else { return nil }
    self.type = type
    self.flags = flags
    self.sequence = sequence
    self.port = port
    payload = rest.prefix(Int(length)).dropFirst(Netlink.headerSize)
    rest = rest.dropFirst((Int(length) + 3) & ~3)
  }

  /// An acknowledgement, an error or the end of a dump: nothing more follows for this request.
  var isFinal: Bool { type == Netlink.messageError || type == Netlink.messageDone }

  /// The errno carried, 0 for none.
  var errno: Int32 {
    guard isFinal, let code = Int32(native: payload), code < 0, code > Int32.min else { return 0 }
    return -code
  }

  /// The kernel's text for an error (`NLMSGERR_ATTR_MSG`), which follows the error code and the request's header.
  var explanation: String {
    guard type == Netlink.messageError, flags & 0x200 != 0 else { return "" }
    return NetlinkAttributes(payload.dropFirst(4 + Netlink.headerSize)).string(1) ?? ""
  }
}
