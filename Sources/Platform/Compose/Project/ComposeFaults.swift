import Synchronization

/// Everything that is wrong with a project's files, in the order of their lines.
public struct ComposeFaults: Error, Sendable, Hashable, CustomStringConvertible {
  /// At least one, at most `ComposeLimits.toldFaults`.
  public let all: [ComposeFault]
  /// How many more there are, as far as was looked.
  public let further: Int

  public var first: ComposeFault { all[0] }

  public init(_ fault: ComposeFault) {
    all = [fault]
    further = 0
  }

  /// - Parameter sorted: not empty.
  init(sorted: [ComposeFault]) {
    all = Array(sorted.prefix(ComposeLimits.toldFaults))
    further = sorted.count - all.count
  }

  /// A line for each.
  public var description: String {
    let lines = all.map(\.description) + (further > 0 ? ["… and \(further) more"] : [])
    return lines.joined(separator: "\n")
  }
}

/// Gathers what is wrong while the reading goes on.
///
/// The reading has stages (variables, form, meaning). What stands where an earlier stage found a fault is nothing from then on, and
/// what a later stage says of that place, or of what surrounds it, would be about the nothing: it is left out.
final class FaultCollector: Sendable {
  private struct Told: Hashable {
    var location: ComposeLocation?
    var message: String
  }

  private struct State {
    var faults: [ComposeFault] = []
    /// Values that are named by several aliases are read as often, and told once.
    var told: Set<Told> = []
    /// Keys with faults of this stage.
    var fresh: [String] = []
    /// Keys with faults of earlier stages, and all that they lie in.
    var faulty: Set<String> = []
    var around: Set<String> = []
    /// Files in the order of their reading.
    var files: [String: Int] = [:]
  }

  private let state = Mutex(State())

  /// Notes a fault; the reading may go on, with nothing in the place of what is wrong.
  /// - Throws: the fault, where it is one of the bounds, or the last one that is gathered.
  func add(_ fault: ComposeFault) throws(ComposeFault) {
    guard fault.kind != .limit, note(fault) else { throw fault }
  }

  /// Runs a part of the reading; nil where it has a fault, which is noted.
  func attempt<Value>(_ part: () throws(ComposeFault) -> Value) throws(ComposeFault) -> Value? {
    do {
      return try part()
    } catch {
      try add(error)
      return nil
    }
  }

  /// false where there are enough.
  private func note(_ fault: ComposeFault) -> Bool {
    state.withLock { state in
      guard state.faults.count < ComposeLimits.gatheredFaults else { return false }
      guard !Self.isAboutNothing(fault.key, state),
        state.told.insert(Told(location: fault.location, message: fault.message)).inserted
      else { return true }
      state.faults.append(fault)
      if !fault.key.isEmpty { state.fresh.append(fault.key) }
      return true
    }
  }

  /// A key whose fault is told elsewhere.
  func mark(_ key: String) { state.withLock { $0.fresh.append(key) } }

  /// What comes from now on is a later stage.
  func advance() {
    state.withLock { state in
      for key in state.fresh {
        state.faulty.insert(key)
        state.around.formUnion(Self.surroundings(key))
      }
      state.fresh = []
    }
  }

  /// Whether there is a fault of an earlier stage at this key, or in it.
  func isFaulty(_ key: String) -> Bool {
    state.withLock { $0.faulty.contains(key) || $0.around.contains(key) }
  }

  var isEmpty: Bool { state.withLock { $0.faults.isEmpty } }

  func opened(_ file: String) {
    state.withLock { state in
      if state.files[file] == nil { state.files[file] = state.files.count }
    }
  }

  private static func isAboutNothing(_ key: String, _ state: State) -> Bool {
    guard !key.isEmpty, !state.faulty.isEmpty else { return false }
    return state.faulty.contains(key) || state.around.contains(key)
      || surroundings(key).contains(where: state.faulty.contains)
  }

  /// `services`, `services.web`, `services.web.ports` of `services.web.ports[0]`.
  private static func surroundings(_ key: String) -> [String] {
    key.indices.filter { key[$0] == "." || key[$0] == "[" }.map { String(key[..<$0]) }
  }

  /// What was gathered with what ended the reading; nil where nothing is wrong.
  func faults(and last: ComposeFault? = nil) -> ComposeFaults? {
    state.withLock { state in
      var all = state.faults
      if let last, !all.contains(last), all.isEmpty || !Self.isAboutNothing(last.key, state) { all.append(last) }
      guard !all.isEmpty else { return nil }
      let files = state.files
      let places = all.enumerated().map { index, fault in
        (
          files[fault.location?.file ?? ""] ?? .max, fault.location?.line ?? .max, fault.location?.column ?? .max, index
        )
      }
      return ComposeFaults(sorted: all.indices.sorted { places[$0] < places[$1] }.map { all[$0] })
    }
  }
}
