using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Millrace.Pipeline;

// `dotnet run -c Release --project bench/Pipeline` runs the benchmark; `-- --allocated` only counts, in a second.
if (args is ["--allocated"])
    return Allocated.Run();
// In this process: a generated project would be built under this repository's rules for its own code.
BenchmarkRunner.Run<SocketToSegment>(
    DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)));
return 0;
