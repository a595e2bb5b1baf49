// Every bound of Ragent, by name, in one place. Nothing unbounded is merged.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ragent::limits {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Runs
inline constexpr std::uint32_t kStepsDefault = 32;           // budget of a run that names none
inline constexpr std::uint32_t kTokensDefault = 200'000;
inline constexpr milliseconds kTimeDefault = seconds(600);
inline constexpr std::uint32_t kStepsPerChapterMax = 100'000;
inline constexpr std::size_t kInputBytesMax = 1u << 20;
inline constexpr std::size_t kForkChildrenMax = 256;
inline constexpr std::size_t kBranchDepthMax = 16;
inline constexpr std::size_t kCallsPerStepMax = 32;
inline constexpr std::uint32_t kReplayCrashesMax = 3;        // then quarantined
inline constexpr std::size_t kSessionQueueMax = 64;          // inputs waiting for a busy session
inline constexpr std::size_t kTaskBytesMax = 120;  // of an input or message in listings
inline constexpr std::size_t kHistoryTurnsMax = 200;  // turns of a session that a run sees
inline constexpr milliseconds kWaitMax =
    std::chrono::hours(24 * 365);  // of callers; longer is for ever
inline constexpr std::size_t kEventsQueuedMax = 4096;  // per handle; older deltas go first

// Tools
inline constexpr std::size_t kObservationBytesMax = 32u << 10;  // the rest becomes an artifact
inline constexpr std::size_t kToolOutputBytesMax = 8u << 20;  // more than this fails the call
inline constexpr std::size_t kPreviewBytes = 2048;
inline constexpr std::size_t kOutputFilesMax = 16;  // files of one call that become artifacts
inline constexpr std::size_t kOutputFileBytesMax = 16u << 20;
inline constexpr std::size_t kOutputFilesBytesMax = 64u << 20;  // of one call's files together
inline constexpr std::size_t kWorkspaceEntriesMax = 4096;  // of a workspace that are looked at
inline constexpr std::size_t kWorkspaceDepthMax = 8;  // folders inside folders
inline constexpr milliseconds kToolTimeDefault = seconds(30);
inline constexpr std::size_t kParameterFieldsMax = 32;
inline constexpr std::size_t kSchemaDepthMax = 16;  // nesting a derived schema spells out
inline constexpr std::size_t kFaultsMax = 8;  // of one value that are reported
inline constexpr std::size_t kSqlRowsMax = 1000;
inline constexpr std::size_t kSqlFilesMax = 64;  // CSV and SQLite files of one agent
inline constexpr std::size_t kCsvBytesMax = 64u << 20;
inline constexpr std::size_t kCsvColumnsMax = 256;
inline constexpr std::size_t kCsvCellsMax = 4'000'000;
inline constexpr std::size_t kSeenValuesMax = 64;  // candidates kept per `seen` rule
inline constexpr std::uint32_t kEffectAttemptsMax = 3;  // live attempts of one idempotent call
inline constexpr std::uint32_t kQueryAttemptsMax = 3;  // then in doubt

// Models
inline constexpr std::uint32_t kReplyTokensDefault = 512;
inline constexpr std::uint32_t kContextTokensDefault = 8192;
inline constexpr std::size_t kModelQueueMax = 256;  // requests waiting for a local model
inline constexpr std::size_t kModelBatchMax = 16;  // that it answers at once
inline constexpr std::size_t kModelSequencesMax = 32;  // answered or kept to go on from
inline constexpr std::size_t kModelCacheBytesMax = 512u << 20;  // its KV cache, but one window …
inline constexpr std::size_t kModelCacheWindowsMax = 4;  // … at least, and so many at most
inline constexpr std::size_t kPrefillTokensMax = 64;  // of long prompts, a turn while others write
inline constexpr std::size_t kEmbedTextsMax = 4096;  // of one call
inline constexpr std::size_t kEmbedTokensMax = 256;  // of one text; the rest of it is not seen
inline constexpr std::size_t kEndpointWordsMax = 400;  // bytes of an endpoint's error in ours
inline constexpr int kCallAttemptsMax = 3;  // requests of one call to an endpoint
inline constexpr double kRetriesPerCall = 0.1;  // what calls earn for retries …
inline constexpr double kRetriesSavedMax = 10;  // … and an endpoint saves up
inline constexpr milliseconds kRetryEarnTime = seconds(10);  // one more, where calls are rare
inline constexpr milliseconds kRetryWaitFirst{500};  // doubled each time, with jitter
inline constexpr milliseconds kRetryAfterMax = seconds(60);  // told to wait longer: an Error
inline constexpr int kBreakerFailures = 5;  // one after another: the breaker opens
inline constexpr milliseconds kBreakerOpen = seconds(1);  // then one call probes
inline constexpr std::size_t kEndpointCallsMax = 1024;  // at once; fewer as it refuses
inline constexpr std::size_t kEndpointQueueMax = 4096;  // more are refused
inline constexpr int kFetchAttemptsMax = 5;  // of weights, while each brings some of them
inline constexpr int kRedirectsMax = 5;  // that lead to weights
inline constexpr milliseconds kFetchSilenceMax = seconds(30);
inline constexpr std::size_t kWeightsBytesMax = std::size_t{256} << 30;
inline constexpr milliseconds kListTimeMax = seconds(5);  // for an endpoint to list its models
inline constexpr std::size_t kPrefixFilesMax = 8;  // saved prompt prefixes; 28 kB a token

// HTTP
inline constexpr milliseconds kConnectTimeDefault = seconds(10);  // name, TCP and TLS
inline constexpr milliseconds kSilenceTimeDefault = seconds(120);  // of a server, within a call
inline constexpr milliseconds kIdleTimeDefault = seconds(60);  // of a client, within a connection
inline constexpr std::size_t kResponseBytesMax = 64u << 20;
inline constexpr std::size_t kClientConnectionsMax = 1024;
inline constexpr std::size_t kClientCallsMax = 4096;  // of one client at once; more are refused
inline constexpr std::size_t kClientUnreadBytesMax = 1u << 20;  // of a call; then it is paused
inline constexpr std::size_t kServerConnectionsMax = 1024;
inline constexpr std::size_t kServerFilesReserve = 192;  // descriptors that are no connections
inline constexpr std::size_t kServerBodiesBytesMax = 256u << 20;  // of all requests in memory
inline constexpr std::size_t kPeerBytesPerSecondMin = 4u << 10;  // of a body or reply, see idle_max
inline constexpr std::size_t kRequestHeadBytesMax = 64u << 10;
inline constexpr std::size_t kRequestBodyBytesMax = 16u << 20;
inline constexpr std::size_t kHeadersMax = 128;  // of one request or response
inline constexpr std::size_t kResponseHeadBytesMax = 256u << 10;
inline constexpr std::size_t kPipelinedBytesMax = 64u << 10;  // read ahead while a handler works
inline constexpr milliseconds kLingerTime = seconds(1);  // for a refused peer to read why
inline constexpr std::size_t kLingerBytesMax = 4u << 20;  // that it still sends
inline constexpr std::size_t kTurnBytesMax = 64u << 10;  // of a connection in one shard turn
inline constexpr std::size_t kSseEventBytesMax = 8u << 20;
inline constexpr std::size_t kSseNameBytesMax = 4u << 10;  // of an event's name, or its id

// Chat
inline constexpr std::size_t kChatHistoryMax = 1000;  // inputs that the arrows bring back
inline constexpr std::size_t kChatHistoryEntryBytesMax = 16u << 10;  // longer ones are not kept
inline constexpr std::size_t kChatTurnsShown = 3;  // of a session that is resumed
inline constexpr std::size_t kChatImagesMax = 16;  // of one message
inline constexpr std::size_t kChatErrandsMax = 64;  // calls of the engine that wait

// Attach: commands that share the engine of a home's owner
inline constexpr milliseconds kTakeOverTime = seconds(2);  // for an owner to answer, or another
inline constexpr milliseconds kOwnerTimeMax = seconds(30);  // of one request to it
inline constexpr milliseconds kStreamBeat = seconds(1);  // a stream without events says so
inline constexpr std::size_t kApiThreads = 8;  // requests that wait for the engine at once
inline constexpr std::size_t kRunsShownDefault = 100;  // of GET /v1/runs without a limit

// JSON and files
inline constexpr std::size_t kJsonDepthMax = 64;
inline constexpr std::size_t kJsonBytesMax = 16u << 20;
inline constexpr std::size_t kConfigBytesMax = 1u << 20;
inline constexpr std::size_t kNameBytesMax = 64;  // of an agent, a tool, a planner

// Store
inline constexpr std::size_t kGroupRecordsMax = 8192;  // records of one commit
inline constexpr std::size_t kOpenTenantFilesMax = 64;
inline constexpr std::size_t kFileBatchRuns = 256;  // finished runs filed at once
inline constexpr std::size_t kRunsListedMax = 10'000;  // runs or sessions of one listing
inline constexpr std::size_t kArtifactBytesMax = 64u << 20;
inline constexpr milliseconds kStoreRetryFirst{100};  // a full disk: back off and try again
inline constexpr milliseconds kStoreRetryMax = seconds(5);
inline constexpr milliseconds kLastCommitWait = seconds(1);  // of a closing engine, at least

// Threads
inline constexpr std::size_t kBlockingThreads = 4;
inline constexpr std::size_t kStoreThreads = 2;
inline constexpr std::size_t kPoolQueueMax = 1u << 16;
inline constexpr milliseconds kTurnSlow{1};  // a longer shard turn is logged
inline constexpr std::size_t kTurnResumesMax = 256;  // then posts and files get a look

}  // namespace ragent::limits
