import HTTPServing
import KubeMachinery
import LinuxSystem

/// A watch as a stream of lines, each a JSON document. Source: Kubernetes `meta/v1.WatchEvent`.
struct WatchStream: Sendable {
  /// Lines are sent when they are so many, if not before.
  private static let pieceBytes = 1 << 20

  let answer: ObjectAnswer
  /// How long a client may take for what was sent.
  let writeMilliseconds: Int64
  /// A share for changes of so many bytes; nil where that is little. Throws `StatusError` (429), which ends the watch.
  let share: @Sendable (_ bytes: Int) throws -> FairBound.Place?

  /// Ends where the watch does, the last line telling why.
  /// - Parameters:
  ///   - place: for what is told first; given back once that is sent.
  ///   - isEnding: whether the server ends; asked after each event and when the store is nudged.
  func run(
    _ watch: ObjectWatch, holding place: FairBound.Place?, to writer: StreamWriter, seconds: Int64,
    isEnding: @escaping @Sendable () -> Bool
  ) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await follow(watch, place, to: writer, isEnding)
        return true
      }
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        return false
      }
      // Whichever is first ends the other.
      defer { group.cancelAll() }
      do {
        let hasEnded = try await group.next() ?? true
        if hasEnded { return }
      }
      group.cancelAll()
      // A line under way is finished first; being told to stop is no failure.
      do { while try await group.next() != nil {} } catch is CancellationError {}
    }
  }

  private func follow(
    _ watch: ObjectWatch, _ place: FairBound.Place?, to writer: StreamWriter, _ isEnding: () -> Bool
  ) async throws {
    var watch = watch
    var wroteColumns = false
    do {
      while !isEnding() {
        let isInitial = watch.isTellingInitial
        var events = ArraySlice(try await watch.next())
        let held = try isInitial ? nil : share(events.reduce(0) { $0 + ($1.object?.document.count ?? 0) })
        defer { held?.giveBack() }
        while !events.isEmpty {
          var lines: [UInt8] = []
          while lines.count < Self.pieceBytes, let event = events.popFirst() {
            try append(event, to: &lines, &wroteColumns)
          }
          // A client that is slow to take them does not have them held twice.
          if events.isEmpty { events = [] }
          try await writer.writeAhead(lines, withinMilliseconds: writeMilliseconds)
        }
        // Not only with the watch, which may go on for an hour.
        if !watch.isTellingInitial { place?.giveBack() }
      }
    } catch let error as StatusError {
      var encoder = ObjectEncoder()
      encoder.write(["type": "ERROR", "object": error.document])
      try await writer.write(encoder.bytes + [10], withinMilliseconds: writeMilliseconds)
    }
  }

  private func append(_ event: ObjectWatch.Event, to lines: inout [UInt8], _ wroteColumns: inout Bool) throws {
    let type =
      switch event {
      case .added: "ADDED"
      case .modified: "MODIFIED"
      case .deleted: "DELETED"
      case .bookmark: "BOOKMARK"
      }
    lines.append(contentsOf: "{\"type\":\"\(type)\",\"object\":".utf8)
    switch event {
    case .added(let object), .modified(let object), .deleted(let object):
      if case .table = answer.negotiation.form {
        lines.append(contentsOf: try answer.tableBytes(object, withColumns: !wroteColumns).dropLast())
        wroteColumns = true
      } else {
        lines.append(contentsOf: try answer.bytes(object).dropLast())
      }
    case .bookmark(let revision, let endsInitial):
      lines.append(contentsOf: bookmark(revision, endsInitial: endsInitial).encoded())
    }
    lines.append(contentsOf: "}\n".utf8)
  }

  private func bookmark(_ revision: Int64, endsInitial: Bool) -> JSONValue {
    var metadata: JSONValue = ["resourceVersion": .string(String(revision)), "creationTimestamp": .null]
    if endsInitial { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
    switch answer.negotiation.form {
    case .object:
      return [
        "kind": .string(answer.kind.name.kind), "apiVersion": .string(answer.kind.name.apiVersion),
        "metadata": metadata,
      ]
    case .metadata: return TableDocument.partial(metadata: metadata)
    case .table:
      return [
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": ["resourceVersion": .string(String(revision))],
        "columnDefinitions": .null,
        "rows": [
          [
            "cells": .array(answer.kind.table.columns.map { _ in "" }),
            "object": TableDocument.partial(metadata: metadata),
          ]
        ],
      ]
    }
  }
}
