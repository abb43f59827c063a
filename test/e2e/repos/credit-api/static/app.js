// fetch("http://localhost:7000/predict")
const docs = 'https://developer.mozilla.org/en-US/docs/Web/API/fetch';
export async function score(x) {
    const r = await fetch("/v1/score", { method: "POST", body: JSON.stringify({ x }) });
    return (await r.json()).score;
}
